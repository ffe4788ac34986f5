/* An image of a message, as large as the screen allows. Without this file the link opens the image. */

const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

function open(link) {
  const { name, close, download } = link.dataset;
  const dialog = make("dialog", { className: "chat-lightbox", ariaLabel: name });
  const end = make("button", { type: "button", className: "chat-icon-button", ariaLabel: close, title: close, textContent: "✕" });
  const keep = make("a", { href: link.href, download: name, textContent: download });
  const head = make("div", { className: "chat-lightbox-head" });
  head.append(make("bdi", { textContent: name }), keep, end);
  dialog.append(head, make("img", { src: link.href, alt: name }));
  dialog.addEventListener("click", ({ target }) => (target === dialog || target === end) && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    link.focus({ preventScroll: true });
  });
  document.getElementById("chat").append(dialog);
  dialog.showModal();
  end.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-chat-lightbox]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open(link);
});

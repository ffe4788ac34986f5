/* Loads the scripts of the parts that are shown, as chatapp.js does in a conversation. Nothing here can be sent. */
const parts = [...document.querySelectorAll("[data-chat-module]")];
for (const address of new Set(parts.map(({ dataset }) => dataset.chatModule))) import(address);

/* Radios without their form would be one group all over the page. */
for (const group of document.querySelectorAll("[role=radiogroup]")) {
  for (const radio of group.querySelectorAll("[type=radio]")) radio.name = group.id;
  group.querySelector("[type=radio]").checked = true;
}

document.addEventListener("submit", (event) => event.preventDefault());

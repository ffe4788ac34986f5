/* Sorting, filtering and turning the pages of a table. The server does the work, so that its size does not matter; what is
   shown stands in the data attributes of the grid, so that a copy of the grid goes on from where it was.

   Chatapp.js loads this with the first table; see data-chat-module. */

const PAUSE = 200; // milliseconds without a key before the filter is asked for

const turns = new WeakMap(); // grid -> number of its last request: an answer that comes late is not shown
const timers = new WeakMap();

async function show(grid, changes) {
  Object.assign(grid.dataset, changes);
  const { chatGrid, start = "0", sort = "", order = "", filter = "" } = grid.dataset;
  const turn = (turns.get(grid) ?? 0) + 1;
  turns.set(grid, turn);
  grid.setAttribute("aria-busy", "true");
  let answer = null;
  try {
    const response = await fetch(`${chatGrid}?${new URLSearchParams({ rows: start, sort, order, filter })}`);
    if (response.ok) answer = await response.json();
  } catch {
    // Said below.
  }
  if (turns.get(grid) !== turn) return;
  grid.removeAttribute("aria-busy");
  const status = grid.querySelector('[role="status"]');
  if (answer) draw(grid, answer);
  status.textContent = answer ? answer.status : grid.dataset.failed;
}

function draw(grid, { start, rows, total }) {
  const heads = [...grid.querySelectorAll("th")];
  const body = rows.map((row) => {
    const line = document.createElement("tr");
    row.forEach((text, place) => {
      const cell = line.insertCell();
      cell.textContent = text;
      if (heads[place].align) cell.align = heads[place].align;
    });
    return line;
  });
  grid.querySelector("tbody").replaceChildren(...body);
  grid.querySelector(".chat-table").scrollTop = 0;
  const { sort, order } = grid.dataset;
  heads.forEach((head, place) => {
    if (sort === String(place)) head.setAttribute("aria-sort", order === "desc" ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
  const [back, on] = grid.querySelectorAll("[data-grid-page]");
  back?.setAttribute("aria-disabled", String(start === 0));
  on?.setAttribute("aria-disabled", String(start + rows.length >= total));
}

/** Up, down, and as it was. */
function sortBy(grid, column) {
  const { sort, order } = grid.dataset;
  if (sort !== column) return { sort: column, order: "asc", start: "0" };
  return order === "asc" ? { order: "desc", start: "0" } : { sort: "", order: "", start: "0" };
}

document.addEventListener("click", ({ target }) => {
  const grid = target.closest?.("[data-chat-grid]");
  const sorter = target.closest?.("[data-grid-sort]");
  const pager = target.closest?.("[data-grid-page]");
  if (grid && sorter) show(grid, sortBy(grid, sorter.dataset.gridSort));
  if (grid && pager && pager.getAttribute("aria-disabled") !== "true") {
    const size = Number(grid.dataset.size);
    show(grid, { start: String(Math.max(0, Number(grid.dataset.start ?? 0) + size * Number(pager.dataset.gridPage))) });
  }
});

document.addEventListener("input", ({ target }) => {
  const grid = target.closest?.(".chat-grid-find") && target.closest("[data-chat-grid]");
  if (!grid) return;
  clearTimeout(timers.get(grid));
  timers.set(grid, setTimeout(() => show(grid, { filter: target.value, start: "0" }), PAUSE));
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
}
const filters = document.querySelectorAll("[data-show]");
for (const filter of filters) {
  filter.addEventListener("click", () => {
    for (const each of filters) each.setAttribute("aria-pressed", String(each === filter));
    for (const family of document.querySelectorAll(".family")) family.open = true;
    for (const row of document.querySelectorAll("[data-verdict]")) {
      row.hidden = filter.dataset.show !== "all" && row.dataset.verdict !== filter.dataset.show;
    }
  });
}
for (const filters of document.querySelectorAll(".filters")) filters.hidden = false;

function unfold() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target && target.closest("details");
  if (details) { details.open = true; target.scrollIntoView(); }
}
addEventListener("hashchange", unfold);
unfold();

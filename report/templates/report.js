addEventListener("beforeprint", () => document.querySelectorAll("details:not(.bulk)").forEach((d) => {
  if (!d.open) { d.open = true; d.dataset.folded = ""; }
}));
addEventListener("afterprint", () => document.querySelectorAll("details[data-folded]").forEach((d) => {
  d.open = false; delete d.dataset.folded;
}));

// Before the first paint, and so no module: the theme that was chosen here, if one was. "" follows the system.
{
  let chosen = "";
  try {
    chosen = localStorage.getItem("hotseat-theme") ?? "";
  } catch {
    // Storage may be forbidden; then the system's theme it is.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}

fetch("/os-release")
  .then(answer => answer.ok ? answer.text() : Promise.reject(answer.status))
  .catch(reason => "not available: " + reason)
  .then(text => { document.getElementById("os-release").textContent = text; });

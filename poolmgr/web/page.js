// Keys are for the terminal from the start; not before there is somebody to be told that it has the focus.
new MutationObserver((changes, watch) => {
  if (document.body.classList.contains("-loaded")) {
    watch.disconnect();
    document.querySelector(".xterm-helper-textarea").focus();
  }
}).observe(document.body, { attributes: true });

// The mock's stand-in for @apideck/vault-js: the same ApideckVault.open and close, the same messages,
// with its frame on the mock that this script was loaded from.
"use strict";
(() => {
  const origin = "ORIGIN";
  const HANDLERS = ["onClose", "onReady", "onConnectionChange", "onConnectionDelete"];
  let frame = null;
  let listen = null;

  const remove = (late) => {
    if (listen) window.removeEventListener("message", listen);
    listen = null;
    const gone = frame;
    if (!gone) return;
    setTimeout(() => {
      gone.remove();
      if (frame === gone) frame = null;
    }, late);
  };

  const open = (options = {}) => {
    if (frame) remove(0);
    const said = Object.fromEntries(
      Object.entries(options).filter(([name]) => !HANDLERS.includes(name)),
    );
    const mine = (frame = document.createElement("iframe"));
    mine.title = "Vault";
    mine.allow = "clipboard-write";
    mine.style.cssText =
      "display:none;position:fixed;inset:0;width:100%;height:100%;border:0;z-index:9999;color-scheme:normal";
    mine.src = `${origin}/_mock/vault/frame`;
    listen = ({ data, source }) => {
      if (source !== mine.contentWindow) return;
      if (data === "on-ready") {
        mine.style.display = "block";
        mine.contentWindow.postMessage(said, origin);
        options.onReady?.();
      } else if (data === "on-close") {
        remove(300);
        options.onClose?.();
      } else if (data?.data && data.type === "on-connection-change") {
        options.onConnectionChange?.(data.data);
      } else if (data?.data && data.type === "on-connection-delete") {
        options.onConnectionDelete?.(data.data);
      }
    };
    window.addEventListener("message", listen);
    document.body.append(mine);
  };

  const close = () => {
    const mine = frame;
    mine?.contentWindow?.postMessage({ type: "close" }, origin);
    // a frame that never came up does not answer
    setTimeout(() => frame === mine && remove(0), 500);
  };

  window.ApideckVault = { open, close };
})();

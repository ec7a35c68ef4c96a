// An app of another origin that shows the published widget; the address says how.
import "@apideck/react-vault/dist/styles.css";
import React from "react";
import { createRoot } from "react-dom/client";
import { Vault } from "@apideck/react-vault";

const asked = Object.fromEntries(new URLSearchParams(location.search));
window.changes = [];
window.deletions = [];

createRoot(document.getElementById("root")).render(
  <Vault
    token={asked.token}
    unifyBaseUrl={asked.base}
    unifiedApi={asked.api}
    serviceId={asked.service}
    initialView={asked.view}
    open={true}
    onConnectionChange={(connection) => window.changes.push(connection)}
    onConnectionDelete={(connection) => window.deletions.push(connection)}
  />,
);

"use strict";

// Uses the model through the REST interface of the server of this page.

const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

const backend = {
  token: "",
  facts: null,
  stopped: false,

  get needsToken() {
    return !this.token && document.documentElement.dataset.token === "yes";
  },

  async model() {
    this.facts = await (await this.ask("model")).json();
    return this.facts;
  },

  predict(file) {
    return this.send("predict", file);
  },

  async explain(file, method) {
    const response = await this.send(`explain?method=${encodeURIComponent(method)}`, file);
    return response.blob();
  },

  async ask(path, options = {}) {
    const given = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    let response;
    try {
      response = await fetch(path, { ...options, headers: { ...given, ...options.headers } });
    } catch {
      throw new Error("the server cannot be reached");
    }
    if (response.ok) return response;
    let detail = `status ${response.status}`;
    try {
      detail = (await response.json()).detail;
    } catch {
      // Not from the server itself, so only the status is known.
    }
    const error = new Error(String(detail));
    error.status = response.status;
    error.retry = Number(response.headers.get("Retry-After")) || 1;
    throw error;
  },

  async send(path, file) {
    const limit = this.facts.limits.max_bytes;
    if (file.size > limit) {
      throw new Error(`larger than the limit of ${Math.floor(limit / 2 ** 20)} MiB`);
    }
    let body;
    try {
      body = await file.arrayBuffer();
    } catch {
      throw new Error("cannot be read; is it a folder?");
    }
    if (!body.byteLength) throw new Error("an empty file; copy it again");
    const headers = { "Content-Type": "application/octet-stream", Prefer: "handling=lenient" };
    for (;;) {
      try {
        const response = await this.ask(path, { method: "POST", body, headers });
        if (response.headers.get("Content-Type") !== "application/json") return response;
        const said = await response.json();
        if ("detail" in said) throw new Error(said.detail);
        return said;
      } catch (error) {
        if (error.status !== 503 || this.stopped) throw error;
        await pause(error.retry * (0.5 + Math.random()));
      }
    }
  },
};

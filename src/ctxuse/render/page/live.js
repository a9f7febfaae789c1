"use strict";
// Keeps a page that a server gave up to date: told of a change, it asks for the page anew and puts
// in what is new. One request at a time, however often the log changes; none, and no stream, while
// nobody looks; nothing is moved under a finger, a selection or what is being typed. A page without
// a version has no charts yet, and is asked for once more at once.

const live = {
  version: document.body.dataset.version,
  newest: document.body.dataset.version,
  busy: false,
  held: false,
  source: null,

  start() {
    this.status = document.getElementById("live");
    document.addEventListener("visibilitychange", () => this.listen());
    window.addEventListener("pageshow", () => this.listen());
    window.addEventListener("pagehide", () => this.stop());
    document.addEventListener("pointerdown", () => { this.held = true; }, true);
    for (const end of ["pointerup", "pointercancel"]) {
      document.addEventListener(end, () => setTimeout(() => { this.held = false; }), true);
    }
    this.listen();
  },

  stop() {
    if (this.source) this.source.close();
    this.source = null;
  },

  // A browser has few connections for one server: a page that nobody sees gives its own back.
  listen() {
    if (document.hidden) return this.stop();
    if (this.source) return;
    const source = this.source = new EventSource("changes");
    source.addEventListener("open", () => { if (this.version) this.say(); });
    source.addEventListener("version", (told) => {
      this.newest = told.data;
      this.follow();
    });
    source.addEventListener("error", () => {
      this.say("Not connected to ctxuse serve; trying again.");
      if (source.readyState !== EventSource.CLOSED || source !== this.source) return;
      this.stop();
      setTimeout(() => this.listen(), 2000);
    });
  },

  say(trouble) {
    const text = trouble || "Live: updates as events arrive.";
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.classList.toggle("lost", Boolean(trouble));
  },

  async follow() {
    if (this.busy || document.hidden) return;
    this.busy = true;
    while (this.newest !== this.version && !document.hidden) {
      const asked = this.newest;
      const trouble = await this.update().catch(() => "the server does not answer");
      if (!trouble) {
        this.version = asked;
        this.say();
        continue;
      }
      this.say(`What is shown is of before: ${trouble}. Trying again.`);
      await pause(2000);
    }
    this.busy = false;
  },

  // Asks for the page and puts it in; returns what stood in the way, if anything did.
  async update() {
    const answer = await fetch(location.pathname + location.search, { cache: "no-store" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const blocks = [...fresh.querySelectorAll("[data-live]")];
    if (!answer.ok) {
      const said = fresh.querySelector("p.since");
      return said ? said.textContent : `the server answers ${answer.status}`;
    }
    while (this.held || selecting()) await pause(200);
    const kept = this.keep();
    for (const block of blocks) {
      const before = document.querySelector(`[data-live="${block.dataset.live}"]`);
      if (before) before.replaceWith(document.adoptNode(block));
      else document.getElementById("main").append(document.adoptNode(block));
    }
    this.choices(fresh);
    document.title = fresh.title;
    document.querySelector("h1").textContent = fresh.querySelector("h1").textContent;
    page.dress();
    kept();
    return "";
  },

  // New kinds can be chosen, unless somebody is choosing.
  choices(fresh) {
    const before = document.getElementById("kind");
    const after = fresh.getElementById("kind");
    if (before && after && document.activeElement !== before) {
      before.replaceChildren(...document.adoptNode(after).children);
    }
  },

  // Remembers what its reader had opened, moved and reached, and gives back what puts that back.
  keep() {
    const open = [...document.querySelectorAll("#main details[open]")].map((one) => one.id);
    const regions = () => [...document.querySelectorAll("#main .scroll, #main .chart")];
    const moved = regions().map((one) => [one.scrollLeft, one.scrollTop]);
    const active = document.activeElement;
    const back = active && active.closest("[data-live]") ? wayTo(active) : () => null;
    const [x, y] = [window.scrollX, window.scrollY];
    return () => {
      for (const id of open) {
        const one = id && document.getElementById(id);
        if (one) one.open = true;
      }
      const now = regions();
      if (now.length === moved.length) {
        now.forEach((one, index) => { [one.scrollLeft, one.scrollTop] = moved[index]; });
      }
      const one = back();
      if (one) one.focus({ preventScroll: true });
      window.scrollTo(x, y);
    };
  },
};

const REACHED = "a, button, summary, input, select, [tabindex]";

// Returns what finds an element again after it was replaced: in its row, else in its part.
function wayTo(element) {
  const row = element.closest("#table tbody tr");
  const part = element.closest("#table thead, details[id], figure[id], section[id], [data-live]");
  const within = row || part;
  const index = [...within.querySelectorAll(REACHED)].indexOf(element);
  const name = row && row.cells[0].textContent;
  const selector = part && (part.id ? `#${part.id}`
    : part.dataset.live ? `[data-live="${part.dataset.live}"]` : "#table thead");
  return () => {
    const found = row
      ? [...document.querySelectorAll("#table tbody tr")].find((one) => one.cells[0].textContent === name)
      : document.querySelector(selector);
    return found ? found.querySelectorAll(REACHED)[index] : null;
  };
}

function selecting() {
  const selection = document.getSelection();
  const main = document.getElementById("main");
  return Boolean(selection && !selection.isCollapsed && main.contains(selection.anchorNode));
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

live.start();

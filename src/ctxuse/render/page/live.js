"use strict";
// Keeps a page that a server gave up to date: told of a change, it asks for the page anew and puts
// in what is new. One request at a time, however often the log changes; none while nobody looks.

const live = {
  version: document.body.dataset.version,
  newest: document.body.dataset.version,
  busy: false,

  start() {
    this.status = document.getElementById("live");
    this.listen();
    document.addEventListener("visibilitychange", () => this.follow());
    window.addEventListener("pageshow", () => this.follow());
  },

  listen() {
    const source = new EventSource("changes");
    source.addEventListener("open", () => this.say("Live: updates as events arrive."));
    source.addEventListener("version", (told) => {
      this.newest = told.data;
      this.follow();
    });
    source.addEventListener("error", () => {
      this.say("Not connected to ctxuse serve; trying again.", true);
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.listen(), 2000);
    });
  },

  say(text, lost) {
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.classList.toggle("lost", Boolean(lost));
  },

  async follow() {
    if (this.busy || document.hidden || this.newest === this.version) return;
    this.busy = true;
    const asked = this.newest;
    try {
      const answer = await fetch(location.pathname + location.search, { cache: "no-store" });
      if (answer.ok) this.put(await answer.text());
      this.version = asked;
    } catch {
      await new Promise((done) => setTimeout(done, 1000)); // the stream says when it is back
    }
    this.busy = false;
    this.follow();
  },

  put(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const before = document.getElementById("main");
    const after = fresh.getElementById("main");
    if (!after) return;
    const kept = this.keep(before);
    before.replaceWith(document.adoptNode(after));
    page.dress();
    kept();
  },

  // Remembers what its reader had opened, moved and typed in, and gives back what puts that back.
  keep(main) {
    const open = [...main.querySelectorAll("details[open]")].map((one) => one.id);
    const regions = [...main.querySelectorAll(".scroll, .chart")];
    const moved = regions.map((one) => [one.scrollLeft, one.scrollTop]);
    const active = main.contains(document.activeElement) ? document.activeElement : null;
    const focus = active && active.id;
    const at = active && active.id === "q" ? active.selectionStart : null;
    const typed = document.getElementById("q");
    if (typed) page.state.q = typed.value;
    const [x, y] = [window.scrollX, window.scrollY];
    return () => {
      for (const id of open) {
        const one = id && document.getElementById(id);
        if (one) one.open = true;
      }
      const now = [...document.querySelectorAll("#main .scroll, #main .chart")];
      if (now.length === moved.length) {
        now.forEach((one, index) => { [one.scrollLeft, one.scrollTop] = moved[index]; });
      }
      const one = focus && document.getElementById(focus);
      if (one) {
        one.focus({ preventScroll: true });
        if (at !== null) one.setSelectionRange(at, at);
      }
      window.scrollTo(x, y);
    };
  },
};

live.start();

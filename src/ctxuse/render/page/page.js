"use strict";
// Sorts and filters the table, keeps both in the address behind "#", and shows what a mark of a
// chart stands for. Without it the page shows the same, as it is.

const page = {
  state: { q: "", kind: "", sort: "", dir: "ascending", more: false },

  start() {
    this.read();
    this.dress();
    for (const [event, id] of [["input", "q"], ["change", "kind"], ["change", "more"]]) {
      document.addEventListener(event, (happened) => {
        if (happened.target.id === id) this.changed(event !== "input");
      });
    }
    document.addEventListener("submit", (happened) => {
      if (happened.target.id === "filter") happened.preventDefault();
    });
    document.addEventListener("click", (happened) => this.clicked(happened));
    window.addEventListener("hashchange", () => {
      this.read();
      this.dress();
    });
    this.tips();
  },

  read() {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=")) return; // an anchor of the page
    const said = new URLSearchParams(hash);
    this.state = {
      q: said.get("q") || "",
      kind: said.get("kind") || "",
      sort: said.get("sort") || "",
      dir: said.get("dir") === "descending" ? "descending" : "ascending",
      more: said.get("more") === "1",
    };
  },

  write(entry) {
    const said = new URLSearchParams();
    const { q, kind, sort, dir, more } = this.state;
    if (q) said.set("q", q);
    if (kind) said.set("kind", kind);
    if (sort) {
      said.set("sort", sort);
      said.set("dir", dir);
    }
    if (more) said.set("more", "1");
    const text = said.toString();
    const address = location.pathname + location.search + (text ? "#" + text : "");
    history[entry ? "pushState" : "replaceState"](null, "", address);
  },

  // Puts the state into what the page shows: also after the page was filled anew.
  dress() {
    const table = document.getElementById("table");
    const form = document.getElementById("filter");
    if (form) form.hidden = !table;
    if (!table) return;
    for (const button of table.tHead.querySelectorAll("button")) button.disabled = false;
    const { q, more } = this.state;
    const search = document.getElementById("q");
    if (search.value !== q) search.value = q;
    const choice = document.getElementById("kind");
    if (![...choice.options].some((one) => one.value === this.state.kind)) this.state.kind = "";
    choice.value = this.state.kind;
    document.getElementById("more").checked = more;
    table.classList.toggle("all-columns", more);
    this.sort(table);
    this.filter(table);
    for (const row of table.tBodies[0].rows) {
      row.classList.toggle("told", row.cells[0].textContent === this.told);
    }
  },

  changed(entry) {
    this.state.q = document.getElementById("q").value;
    this.state.kind = document.getElementById("kind").value;
    this.state.more = document.getElementById("more").checked;
    this.write(entry);
    this.dress();
  },

  clicked(happened) {
    const heading = happened.target.closest("thead th[data-sort]");
    if (heading && happened.target.closest("button")) {
      const name = heading.dataset.sort;
      const first = heading.classList.contains("number") ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const again = heading.getAttribute("aria-sort") === first;
      Object.assign(this.state, { sort: name, dir: again ? other : first });
      this.write(true);
      this.dress();
      return;
    }
    const mark = happened.target.closest("#marks [aria-roledescription='circle']");
    if (mark) this.tell(mark.getAttribute("aria-label"));
  },

  // By the column of the state; where that names none, in the order in which the page came.
  sort(table) {
    const headings = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    if (!table.given) {
      const by = headings.find((th) => th.hasAttribute("aria-sort"));
      table.given = { rows: [...body.rows], by, dir: by && by.getAttribute("aria-sort") };
    }
    const { rows: given, by, dir } = table.given;
    const index = headings.findIndex((th) => th.dataset.sort === this.state.sort);
    const sign = this.state.dir === "descending" ? -1 : 1;
    for (const th of headings) th.removeAttribute("aria-sort");
    if (index < 0) {
      if (by) by.setAttribute("aria-sort", dir);
      body.append(...given);
      return;
    }
    headings[index].setAttribute("aria-sort", this.state.dir);
    const rows = given.map((row, at) => ({ row, at, value: this.value(row, index) }));
    rows.sort((a, b) => {
      if (a.value === null || b.value === null) {
        return (a.value === null) - (b.value === null) || a.at - b.at;
      }
      const order = typeof a.value === "bigint" && typeof b.value === "bigint"
        ? (a.value > b.value) - (a.value < b.value)
        : compare(String(a.value), String(b.value));
      return sign * order || a.at - b.at;
    });
    body.append(...rows.map(({ row }) => row));
  },

  value(row, index) {
    const cell = row.cells[index];
    if (index === 0) return cell.textContent;
    const value = cell.dataset.v;
    if (value === undefined) return null;
    return /^-?[0-9]+$/.test(value) ? BigInt(value) : value;
  },

  filter(table) {
    const { q, kind } = this.state;
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...table.tBodies[0].rows];
    const hidden = new Set();
    let shown = 0;
    for (const row of rows) {
      const name = row.cells[0].textContent.toLowerCase();
      row.hidden = !(words.every((word) => name.includes(word)) && (!kind || row.dataset.kind === kind));
      if (row.hidden) hidden.add(row.dataset.mark);
      else shown += 1;
    }
    const told = shown === rows.length ? `${rows.length} records` : `${shown} of ${rows.length} records`;
    const status = document.getElementById("shown");
    if (status.textContent !== told) status.textContent = told;
    for (const mark of document.querySelectorAll("#marks [aria-roledescription='circle']")) {
      mark.classList.toggle("faint", hidden.has(mark.getAttribute("aria-label")));
    }
  },

  // Shows the row of a record whose mark was chosen.
  tell(label) {
    const rows = [...document.querySelectorAll("#table tbody tr")];
    const row = rows.find((one) => one.dataset.mark === label && !one.hidden);
    for (const one of rows) one.classList.toggle("told", one === row);
    this.told = row && row.cells[0].textContent;
    if (!row) return;
    row.scrollIntoView({ block: "center" });
    row.cells[0].tabIndex = -1;
    row.cells[0].focus({ preventScroll: true });
  },

  tips() {
    const tip = document.getElementById("tip");
    const hide = () => { tip.hidden = true; };
    const selector = "circle|bar|rect mark".split("|")
      .map((role) => `figure [aria-roledescription='${role}'][aria-label]`).join(",");
    document.documentElement.classList.add("has-tips");
    const show = (happened) => {
      const mark = happened.target.closest && happened.target.closest(selector);
      if (!mark) return hide();
      tip.textContent = mark.getAttribute("aria-label");
      tip.hidden = false;
      const { width, height } = tip.getBoundingClientRect();
      const left = Math.min(happened.clientX + 12, innerWidth - width - 8);
      const above = happened.clientY - height - 12;
      tip.style.left = `${Math.max(8, left)}px`;
      tip.style.top = `${above < 8 ? happened.clientY + 16 : above}px`;
    };
    document.addEventListener("pointermove", show);
    document.addEventListener("pointerdown", show); // a finger does not hover
    document.addEventListener("keydown", (happened) => {
      if (happened.key === "Escape") hide();
    });
    document.addEventListener("scroll", hide, true);
  },
};

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

page.start();

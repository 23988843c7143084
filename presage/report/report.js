// Makes a report's table sort, filter, open and compare, and links it with the charts. It reads and moves what the page
// holds and asks nothing of a network; texts are only ever set as text.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);
  const board = one(".board");
  document.documentElement.classList.remove("plain");

  // What a mark says is shown beside the pointer.
  const tip = one("#tip");
  for (const title of all(".chart title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  const place = (event) => {
    tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = Math.max(4, Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)) + "px";
  };
  document.addEventListener("pointermove", (event) => {
    const said = event.target.closest ? event.target.closest("[data-tip]") : null;
    tip.hidden = !said;
    if (said) {
      tip.textContent = said.dataset.tip;
      place(event);
    }
  });
  all(".copy").forEach((button) => button.addEventListener("click", async () => {
    const text = one("pre", button.parentNode).textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      button.parentNode.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }));
  if (!board) return;

  const rows = all(":scope > tbody", board);
  const cell = (row, key) => one(`.row > [data-column="${key}"]`, row);
  const value = (row, key) => {
    const found = cell(row, key);
    return found && found.dataset.value !== undefined ? Number(found.dataset.value) : null;
  };

  // A network is lit wherever it is shown, while the pointer or the focus is on it.
  const light = (key, on) => {
    const row = document.activeElement.closest("tbody[data-network]");
    const lit = on || (row !== null && row.dataset.network === key);
    all(`[data-network="${key}"]`).forEach((each) => each.classList.toggle("lit", lit));
  };
  for (const each of all("[data-network]")) {
    const key = each.dataset.network;
    each.addEventListener("pointerenter", () => light(key, true));
    each.addEventListener("pointerleave", () => light(key, false));
    each.addEventListener("focusin", () => light(key, true));
    each.addEventListener("focusout", () => light(key, false));
  }

  // Rows open and close.
  const open = (row, wide) => {
    one(".more", row).hidden = !wide;
    one(".opener", row).setAttribute("aria-expanded", String(wide));
  };
  const show = (key) => {
    const row = document.getElementById(key);
    if (!row || !rows.includes(row)) return;
    row.hidden = false;
    open(row, true);
    row.scrollIntoView({ block: "start" });
    one(".opener", row).focus({ preventScroll: true });
  };
  rows.forEach((row) => {
    open(row, false);
    const opener = one(".opener", row);
    one(".row", row).addEventListener("click", (event) => {
      if (event.target.closest("input") || getSelection().toString()) return;
      open(row, opener.getAttribute("aria-expanded") !== "true");
    });
  });
  all(".chart [data-network]").forEach((mark) => mark.addEventListener("click", () => show(mark.dataset.network)));
  all(".winner a").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    show(link.hash.slice(1));
  }));

  // Sorting: numbers with the largest first, texts from A; what has no value is last.
  const sort = (key, falling) => {
    const text = (row) => key === "name" ? row.dataset.name : cell(row, key).textContent;
    const numeric = rows.some((row) => value(row, key) !== null);
    const sign = falling ? -1 : 1;
    const sorted = [...rows].sort((a, b) => {
      if (!numeric) return sign * text(a).localeCompare(text(b));
      const [x, y] = [value(a, key), value(b, key)];
      return x === null || y === null ? (x === null) - (y === null) : sign * (x - y);
    });
    board.append(...sorted);
    all("th[data-column]", board.tHead).forEach((head) => {
      if (head.dataset.column === key) head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };
  const falls = (key) => rows.some((row) => value(row, key) !== null) && /predicted|trained|test|final|score/.test(key);
  all(".sorter", board).forEach((button) => button.addEventListener("click", () => {
    const head = button.closest("th");
    const now = head.getAttribute("aria-sort");
    sort(head.dataset.column, now ? now === "ascending" : falls(head.dataset.column));
  }));
  const chosen = one("#sort");
  chosen.addEventListener("change", () => sort(chosen.value, falls(chosen.value)));

  // Filters; a bound may be written 50k, 1.5M.
  const [find, role, where, than, bound] = ["#find", "#role", "#where", "#than", "#bound"].map((id) => one(id));
  const number = (text) => {
    const match = /^\s*(-?\d*\.?\d+(?:e-?\d+)?)\s*([kmg]?)\s*$/i.exec(text);
    return match ? Number(match[1]) * { "": 1, k: 1e3, m: 1e6, g: 1e9 }[match[2].toLowerCase()] : null;
  };
  const filter = () => {
    const limit = number(bound.value);
    bound.setAttribute("aria-invalid", String(bound.value.trim() !== "" && limit === null));
    let left = 0;
    for (const row of rows) {
      const named = row.dataset.name.toLowerCase().includes(find.value.trim().toLowerCase());
      const from = !role.value || row.dataset.role === role.value;
      const at = where.value ? value(row, where.value) : null;
      const within = !where.value || limit === null || (at !== null && (than.value === "least" ? at >= limit : at <= limit));
      row.hidden = !(named && from && within);
      left += !row.hidden;
      all(`.chart [data-network="${row.dataset.network}"]`).forEach((each) => each.toggleAttribute("hidden", row.hidden));
    }
    one("#count").textContent = left === rows.length ? `${left} networks` : `${left} of ${rows.length} networks`;
  };
  [find, role, where, than, bound].forEach((input) => input.addEventListener("input", filter));

  // Columns; what stands above them spans those that are shown.
  const spans = () => {
    const heads = all("th[data-column]", board.tHead).slice(1);
    let at = 0;
    all(".groups th", board).forEach((group) => {
      const whole = Number(group.dataset.whole || (group.dataset.whole = group.colSpan));
      const left = heads.slice(at, at + whole).filter((head) => !head.hidden).length;
      at += whole;
      group.hidden = left === 0;
      if (left) group.colSpan = left;
    });
  };
  all("[data-shows]").forEach((box) => box.addEventListener("change", () => {
    all(`[data-column="${box.dataset.shows}"]`, board).forEach((each) => { each.hidden = !box.checked; });
    spans();
  }));
  document.addEventListener("click", (event) => {
    all(".menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });

  // Two or three networks side by side.
  const [compare, beside] = [one("#compare"), one("#beside")];
  const picked = () => rows.filter((row) => one(".picked", row).checked);
  const make = (tag, text = "", name = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    made.className = name;
    return made;
  };
  all(".picked").forEach((box) => box.addEventListener("change", () => {
    const count = picked().length;
    all(`.chart [data-network="${box.closest("tbody").dataset.network}"]`).forEach((each) => each.classList.toggle("chosen", box.checked));
    compare.disabled = count < 2;
    compare.textContent = count ? `Compare ${count}` : "Compare";
    all(".picked").forEach((other) => { other.disabled = count >= 3 && !other.checked; });
  }));
  const line = (label, cells) => {
    const row = make("tr");
    const head = make("th", label);
    head.scope = "row";
    row.append(head, ...cells);
    return row;
  };
  const copies = (label, networks, selector) => {
    const found = networks.map((row) => one(selector, row));
    return found.some(Boolean) ? [line(label, found.map((each) => {
      const place = make("td");
      const copy = each && each.cloneNode(true);
      if (copy) place.append(copy);
      return place;
    }))] : [];
  };
  compare.addEventListener("click", () => {
    const networks = picked();
    const table = make("table", "", "beside");
    const head = make("tr");
    head.append(make("td"), ...networks.map((row) => {
      const named = make("th", row.dataset.name);
      named.scope = "col";
      return named;
    }));
    table.append(make("thead"), make("tbody"));
    table.tHead.append(head);
    const body = table.tBodies[0];
    const groups = all(".groups th", board).flatMap((group) => Array(Number(group.dataset.whole)).fill(group.textContent));
    let by = "";
    for (const [at, column] of all("th[data-column]", board.tHead).slice(1).entries()) {
      const key = column.dataset.column;
      if (groups[at] !== by) {
        by = groups[at];
        const head = make("th", by || "costs");
        head.colSpan = networks.length + 1;
        head.scope = "colgroup";
        const above = make("tr", "", "by");
        above.append(head);
        body.append(above);
      }
      const numbers = networks.map((row) => value(row, key));
      const known = numbers.filter((each) => each !== null);
      const best = falls(key) ? Math.max(...known) : Math.min(...known);
      const marked = known.length > 1 && new Set(known).size > 1 && key !== "reach" && key !== "epochs";
      body.append(line(one(".sorter", column).textContent, networks.map((row, at) => {
        const shown = cell(row, key);
        const text = [...shown.childNodes].map((node) => node.textContent).join(" · ");
        return make("td", text, marked && numbers[at] === best ? "most" : "");
      })));
    }
    body.append(...copies("layers", networks, ".drawing"));
    // What two networks confuse is set side by side by one recipe at a time.
    const trainings = new Set(networks.flatMap((row) => all("[data-training]", row).map((each) => each.dataset.training)));
    for (const training of trainings) {
      const within = `[data-training="${training}"] `;
      if (networks.filter((row) => one(within, row)).length < 2) continue;
      body.append(
        ...copies(`${training}: learning curve`, networks, within + ".small-chart"),
        ...copies(`${training}: each class`, networks, within + ".classes"),
        ...copies(`${training}: confusion`, networks, within + ".matrix"),
        ...copies(`${training}: worst mistakes`, networks, within + ".pictures"),
      );
    }
    one("div", beside).replaceChildren(table);
    beside.showModal();
  });

  filter();
  spans();
  if (/^#n\d+$/.test(location.hash)) show(location.hash.slice(1));
})();

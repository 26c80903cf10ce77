"use strict";
(() => {
  // The page is whole without this. Bodies of so many rows are laid out together, as the renderer made them.
  const ROWS_OF_BODY = 100;
  const TONES = ["fail", "undecided", "warn", "aside", "fine", "none"];
  const byId = (id) => document.getElementById(id);

  const theme = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const tellTheme = () => {
    const chosen = document.documentElement.dataset.theme;
    theme.setAttribute("aria-pressed", String(chosen ? chosen === "dark" : dark.matches));
  };
  theme.addEventListener("click", () => {
    const isDark = theme.getAttribute("aria-pressed") === "true";
    document.documentElement.dataset.theme = isDark ? "light" : "dark";
    tellTheme();
  });
  dark.addEventListener("change", tellTheme);
  tellTheme();
  theme.hidden = false;

  const table = byId("matrix");
  if (!table) return;
  const form = byId("filters");
  const chips = [...form.querySelectorAll("fieldset button")];
  const heads = [...table.tHead.rows[0].cells];
  const listed = [...table.tBodies].flatMap((body) => [...body.rows]);
  const statuses = chips.map((chip) => chip.value);
  const number = new Intl.NumberFormat("en");
  let sorting = { column: -1, order: 1 };

  // What is looked for, read once and only when somebody looks for something.
  let known = null;
  const facts = () => {
    known ??= listed.map((row) => {
      const cells = [...row.cells].slice(1).map((cell) => [...cell.classList]);
      return {
        row,
        name: row.querySelector("summary").textContent,
        statuses: cells.map(([, status]) => status),
        ranks: cells.map(([tone, status]) => TONES.indexOf(tone) * 100 + statuses.indexOf(status)),
        text: row.textContent.toLowerCase(),
      };
    });
    return known;
  };

  const filter = () => {
    const words = byId("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const column = Number(byId("mirror").value);
    const registry = byId("registry").value;
    const pressed = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true");
    const wanted = new Set(pressed.map((chip) => chip.value));
    const isWanted = (status) => (wanted.size > 0 ? wanted.has(status) : status !== undefined);
    return ({ name, statuses, text }) =>
      (!registry || name.startsWith(registry + "/")) &&
      (column ? isWanted(statuses[column - 1]) : statuses.some(isWanted)) &&
      words.every((word) => text.includes(word));
  };

  let isDue = false;
  const update = () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      const isShown = filter();
      let shown = 0;
      facts().forEach((each) => {
        const isHidden = !isShown(each);
        if (each.row.hidden !== isHidden) each.row.hidden = isHidden;
        if (!isHidden) shown += 1;
      });
      // In print the count is all that tells of rows that are filtered away.
      form.classList.toggle("filtered", shown < facts().length);
      for (const body of table.tBodies) {
        const rows = body.querySelectorAll(":scope > tr:not([hidden])").length;
        body.hidden = rows === 0;
        // How high it is while it is not laid out.
        body.style.containIntrinsicSize = rows < ROWS_OF_BODY ? `${rows * 2.3}rem` : "";
      }
      const of = shown === listed.length ? "" : ` of ${number.format(listed.length)}`;
      byId("shown").value =
        `${number.format(shown)}${of} image${listed.length === 1 ? "" : "s"} shown`;
    });
  };

  const order = (rows) => {
    [...table.tBodies].forEach((body, at) =>
      body.append(...rows.slice(at * ROWS_OF_BODY, (at + 1) * ROWS_OF_BODY)),
    );
    update();
  };

  const sort = (column) => {
    // The first time what is worst or first, then the reverse, then the order of the list.
    const again = sorting.column === column;
    sorting = again && sorting.order < 0 ? { column: -1, order: 1 } : { column, order: again ? -1 : 1 };
    heads.forEach((head, at) => {
      const order = sorting.order > 0 ? "ascending" : "descending";
      head.setAttribute("aria-sort", at === sorting.column ? order : "none");
    });
    if (sorting.column < 0) {
      order(listed);
      return;
    }
    const { compare } = new Intl.Collator("en", { numeric: true });
    const by =
      column === 0
        ? (a, b) => compare(a.name, b.name)
        : (a, b) => a.ranks[column - 1] - b.ranks[column - 1];
    order([...facts()].sort((a, b) => sorting.order * by(a, b)).map(({ row }) => row));
  };

  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(at));
    head.setAttribute("aria-sort", "none");
    head.append(button);
  });
  chips.forEach((chip) =>
    chip.addEventListener("click", () => {
      const isPressed = chip.getAttribute("aria-pressed") === "true";
      chip.setAttribute("aria-pressed", String(!isPressed));
      update();
    }),
  );
  const clear = () => {
    chips.forEach((chip) => chip.setAttribute("aria-pressed", "false"));
    update();
  };
  form.addEventListener("input", update);
  form.addEventListener("change", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  // Fields have their first values only after this event.
  form.addEventListener("reset", () => queueMicrotask(clear));
  form.hidden = false;

  // A cell opens its row, as its name does; text can still be marked.
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    if (!cell || String(getSelection())) return;
    const details = cell.parentElement.querySelector("details");
    details.open = !details.open;
  });

  // A link to a row opens it, and wins over filters that hide it.
  const follow = () => {
    const at = /^#i(\d+)$/.exec(location.hash);
    const row = at && listed[Number(at[1])];
    if (!row) return;
    row.querySelector("details").open = true;
    if (row.hidden) {
      form.reset();
      clear();
    }
    requestAnimationFrame(() => {
      row.scrollIntoView({ block: "center" });
      row.querySelector("summary").focus({ preventScroll: true });
    });
  };
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#i"]');
    if (link && link.hash === location.hash) follow();
  });
  follow();
})();

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

  // A row's first cell: the name, which opens it, and what it opens to.
  const opener = (row) => row.firstElementChild.firstElementChild;
  const tell = (row, isOpen) => {
    row.className = isOpen ? "open" : "shut";
    opener(row).setAttribute("aria-expanded", String(isOpen));
  };
  const open = (row, isOpen) => {
    const details = opener(row).nextElementSibling;
    // Shut, it can still be found in the page.
    if (isOpen) details.removeAttribute("hidden");
    else details.setAttribute("hidden", "until-found");
    tell(row, isOpen);
  };
  const isOpen = (row) => !opener(row).nextElementSibling.hidden;

  // What a cell looks like is said by few class names, each of which is understood once.
  const looks = new Map();
  const look = (cell) => {
    const name = cell.className;
    if (!looks.has(name)) {
      const [tone, status] = name.split(" ");
      looks.set(name, { status, rank: TONES.indexOf(tone) * 100 + statuses.indexOf(status) });
    }
    return looks.get(name);
  };

  // What is looked for: read while nothing else is to be done, and what is left when somebody looks for something.
  const known = [];
  const read = (row) => {
    const name = opener(row);
    name.setAttribute("role", "button");
    if (!name.hasAttribute("aria-expanded")) name.setAttribute("aria-expanded", "false");
    const cells = [];
    for (let cell = row.firstElementChild.nextElementSibling; cell; cell = cell.nextElementSibling) {
      cells.push(look(cell));
    }
    return { row, name: name.textContent, cells, text: row.textContent.toLowerCase(), isHidden: false };
  };
  const readUntil = (rows) => {
    while (known.length < Math.min(rows, listed.length)) known.push(read(listed[known.length]));
  };
  const idle = self.requestIdleCallback ?? ((work) => setTimeout(work, 20, { timeRemaining: () => 0 }));
  const readOn = (deadline) => {
    do readUntil(known.length + ROWS_OF_BODY);
    while (known.length < listed.length && deadline.timeRemaining() > 2);
    if (known.length < listed.length) idle(readOn);
  };
  // As they stand in the table.
  let standing = known;
  const facts = () => {
    readUntil(listed.length);
    return standing;
  };

  const filter = () => {
    const words = byId("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const column = Number(byId("mirror").value);
    const registry = byId("registry").value;
    const pressed = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true");
    const wanted = new Set(pressed.map((chip) => chip.value));
    const isWanted = (status) => (wanted.size > 0 ? wanted.has(status) : status !== undefined);
    return ({ name, cells, text }) =>
      (!registry || name.startsWith(registry + "/")) &&
      (column ? isWanted(cells[column - 1].status) : cells.some(({ status }) => isWanted(status))) &&
      words.every((word) => text.includes(word));
  };

  let isDue = false;
  const update = () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      const isShown = filter();
      const shownOf = [...table.tBodies].fill(0);
      facts().forEach((each, at) => {
        const isHidden = !isShown(each);
        if (each.isHidden !== isHidden) each.row.hidden = each.isHidden = isHidden;
        if (!isHidden) shownOf[Math.floor(at / ROWS_OF_BODY)] += 1;
      });
      const shown = shownOf.reduce((sum, rows) => sum + rows, 0);
      // In print the count is all that tells of rows that are filtered away.
      form.classList.toggle("filtered", shown < listed.length);
      [...table.tBodies].forEach((body, at) => {
        body.hidden = shownOf[at] === 0;
        // How high it is while it is not laid out.
        body.style.containIntrinsicSize = shownOf[at] < ROWS_OF_BODY ? `${shownOf[at] * 2.3}rem` : "";
      });
      const of = shown === listed.length ? "" : ` of ${number.format(listed.length)}`;
      byId("shown").value =
        `${number.format(shown)}${of} image${listed.length === 1 ? "" : "s"} shown`;
    });
  };

  const order = (rows) => {
    standing = rows;
    [...table.tBodies].forEach((body, at) =>
      body.append(...rows.slice(at * ROWS_OF_BODY, (at + 1) * ROWS_OF_BODY).map(({ row }) => row)),
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
      order(known);
      return;
    }
    const { compare } = new Intl.Collator("en", { numeric: true });
    const by =
      column === 0
        ? (a, b) => compare(a.name, b.name)
        : (a, b) => a.cells[column - 1].rank - b.cells[column - 1].rank;
    readUntil(listed.length);
    order([...known].sort((a, b) => sorting.order * by(a, b)));
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

  // A name opens its row, and so does a cell; text can still be marked, and a name opened elsewhere.
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody th > a, td");
    if (!cell || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const marked = getSelection();
    if (event.detail > 0 && !marked.isCollapsed && marked.containsNode(cell, true)) return;
    const row = cell.closest("tr");
    open(row, !isOpen(row));
  });
  // To a browser it is a link still, which only Enter follows.
  table.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.target.matches("tbody th > a")) return;
    event.preventDefault();
    event.target.click();
  });
  // What is found in the page, the browser opens.
  table.addEventListener("beforematch", (event) => tell(event.target.closest("tr"), true));

  // A link to a row opens it, and wins over filters that hide it.
  const follow = () => {
    const at = /^#i(\d+)$/.exec(location.hash);
    const row = at && listed[Number(at[1])];
    if (!row) return;
    open(row, true);
    if (row.hidden) {
      form.reset();
      clear();
    }
    requestAnimationFrame(() => {
      row.scrollIntoView({ block: "center" });
      opener(row).focus({ preventScroll: true });
    });
  };
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#i"]');
    if (link && !event.defaultPrevented && link.hash === location.hash) follow();
  });
  follow();
  readUntil(ROWS_OF_BODY);
  idle(readOn);
})();

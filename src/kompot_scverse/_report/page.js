"use strict";
(() => {
  const body = (table) => table.tBodies[0];

  function value(row, column) {
    const cell = row.cells[column];
    return cell.dataset.v ?? cell.textContent;
  }

  /* Missing values come last in either direction. */
  function compare(a, b, numeric) {
    if (a === "" || b === "") return null;
    return numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
  }

  function sort(table, column, direction) {
    const heads = [...table.tHead.rows[0].cells];
    const numeric = heads[column].classList.contains("number");
    const sign = direction === "descending" ? -1 : 1;
    const rows = [...body(table).rows].map((row) => [value(row, column), row]);
    rows.sort(([a], [b]) => {
      const order = compare(a, b, numeric);
      return order === null ? (a === "") - (b === "") : sign * order;
    });
    body(table).append(...rows.map(([, row]) => row));
    for (const head of heads) head.setAttribute("aria-sort", "none");
    heads[column].setAttribute("aria-sort", direction);
  }

  /* #sort=TABLE.COLUMN.DIRECTION, so that a link or a reload keeps the order */
  function follow() {
    const [, name, column, direction] = location.hash.match(/^#sort=([\w-]+)\.(\d+)\.(ascending|descending)$/) ?? [];
    const table = name && document.getElementById(name);
    if (table?.tHead?.rows[0].cells[column]) {
      sort(table, Number(column), direction);
      table.closest(".table").scrollIntoView();
    }
  }

  for (const table of document.querySelectorAll("table.data")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      head.firstElementChild.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const first = head.dataset.first;
        const other = first === "ascending" ? "descending" : "ascending";
        const direction = before === first ? other : first;
        sort(table, column, direction);
        history.replaceState(null, "", `#sort=${table.id}.${column}.${direction}`);
      });
    });
  }

  for (const input of document.querySelectorAll("input[data-filter]")) {
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      for (const row of body(document.getElementById(input.dataset.filter)).rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      }
    });
  }

  function csv(table) {
    const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const shown = [...table.rows].filter((row) => !row.hidden);
    return shown
      .map((row) => [...row.cells].map((cell) => quoted(cell.dataset.v ?? cell.textContent)).join(","))
      .join("\n");
  }

  for (const button of document.querySelectorAll("button[data-csv]")) {
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(
        new Blob([csv(document.getElementById(button.dataset.csv))], { type: "text/csv" }),
      );
      link.download = `${button.dataset.csv}.csv`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  /* paper does not unfold */
  const folded = document.querySelectorAll("details");
  addEventListener("beforeprint", () => {
    for (const one of folded) {
      one.dataset.open = one.open;
      one.open = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const one of folded) one.open = one.dataset.open === "true";
  });

  addEventListener("hashchange", follow);
  follow();
})();

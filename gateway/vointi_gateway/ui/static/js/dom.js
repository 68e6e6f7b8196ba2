// Small helpers to build and refresh the page without HTML strings.

/**
 * Make an element. `class`, `data-*`, `aria-*` and other attributes come from `attributes`;
 * a value of null or false leaves the attribute out, true sets it empty.
 * @param {string} tag
 * @param {Record<string, string|number|boolean|null>} [attributes]
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/**
 * Write text only when it differs, so that screen readers and selections are left in peace.
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Set a data attribute only when it differs; null removes it.
 * @param {HTMLElement} node
 * @param {string} name
 * @param {string|null} value
 */
export function setData(node, name, value) {
  if (value === null) {
    if (name in node.dataset) delete node.dataset[name];
  } else if (node.dataset[name] !== value) {
    node.dataset[name] = value;
  }
}

let counter = 0;

/**
 * A document-unique id for aria references.
 * @param {string} prefix
 * @returns {string}
 */
export function freshId(prefix) {
  counter += 1;
  return `${prefix}-${counter}`;
}

/**
 * Show rows of text in a table body; cells are reused, so focus and reading position stay.
 * @param {HTMLElement} body a tbody
 * @param {string[][]} rows the first cell of a row is its header
 */
export function setRows(body, rows) {
  while (body.children.length > rows.length) body.lastElementChild.remove();
  rows.forEach((cells, index) => {
    let row = body.children[index];
    if (!row) {
      row = el("tr", {}, el("th", { scope: "row" }), ...cells.slice(1).map(() => el("td")));
      body.append(row);
    }
    cells.forEach((text, column) => setText(row.children[column], text));
  });
}

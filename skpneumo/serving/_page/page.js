"use strict";

// The list of images and their results, which are only in the memory of this page, without storage
// or cookies. The answers come from the `backend` of another script.

const AT_ONCE = 4; // requests; the server predicts waiting images together
const find = (id) => document.getElementById(id);

let model = null;
let rows = []; // {file, state, answer, error}
let sorting = { column: null, descending: false };
let waiting = [];
let running = 0;

// ---- the list of images -------------------------------------------------------------------

function add(files) {
  if (!files.length) return;
  const room = model.limits.max_images - rows.length;
  const taken = files.slice(0, Math.max(room, 0));
  for (const file of taken) {
    const row = { file, state: "waiting", answer: null, error: "" };
    rows.push(row);
    waiting.push(row);
  }
  backend.stopped = false;
  draw();
  const left = files.length - taken.length;
  const note = left ? ` ${left} more than the ${model.limits.max_images} of one list: left out.` : "";
  find("status").dataset.note = note;
  progress();
  while (running < AT_ONCE && waiting.length) work();
}

async function work() {
  running += 1;
  while (waiting.length) {
    const row = waiting.shift();
    try {
      row.answer = await backend.predict(row.file);
      row.state = "done";
    } catch (error) {
      row.error = error.message;
      row.state = "failed";
      if (error.status === 401) lock();
    }
    drawSoon();
    progress();
  }
  running -= 1;
  progress();
}

function stop() {
  backend.stopped = true;
  for (const row of waiting) Object.assign(row, { state: "failed", error: "stopped" });
  waiting = [];
  progress();
}

// By the input gate, or without a probability; such an image has no heat map either.
const isWithheld = (row) => row.state === "done" && row.answer.decision === null;

function progress() {
  const done = rows.filter((row) => row.state !== "waiting").length;
  const failed = rows.filter((row) => row.state === "failed").length;
  const busy = done < rows.length;
  if (!busy) draw();
  find("running").hidden = !busy;
  find("progress").max = Math.max(rows.length, 1);
  find("progress").value = done;
  const withheld = rows.filter(isWithheld).length;
  const words = [`${done} of ${rows.length} images done`];
  if (failed) words.push(`${failed} without a result`);
  if (withheld) words.push(`${withheld} withheld`);
  const note = find("status").dataset.note || "";
  find("status").textContent = rows.length ? `${words.join(", ")}.${note}` : note;
}

// ---- the table ----------------------------------------------------------------------------

const shown = (probability) => (probability === null ? "" : probability.toFixed(3));

function columns() {
  const positive = model.positive;
  const classes = positive === null ? model.classes : [positive];
  const found = [{ name: "File", value: (row) => row.file.name }];
  for (const name of classes) {
    found.push({
      name: positive === null ? name : `Probability of ${name}`,
      // As in the tables of the command: "probability" alone is that of the second class.
      saved: name === positive && name === model.classes[1] ? "probability" : `probability_${name}`,
      value: (row) => (row.answer ? row.answer.probabilities[name] : null),
      number: true,
    });
  }
  found.push({ name: "Decision", value: (row) => (row.answer ? row.answer.decision : null) });
  found.push({ name: "Like training images", value: gateWords });
  found.push({ name: "Problem", value: (row) => row.error || null });
  return found;
}

function gateWords(row) {
  if (!row.answer) return null;
  const gate = row.answer.gate;
  if (gate === null) return model.gate === null ? "not checked" : "";
  return gate.passed ? "yes" : `no: ${gate.reason}`;
}

function ordered() {
  if (sorting.column === null) return rows;
  const value = columns()[sorting.column].value;
  const sign = sorting.descending ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return (a === null) - (b === null); // empty ones last
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  });
}

function sortBy(column) {
  const again = sorting.column === column;
  sorting = { column, descending: again ? !sorting.descending : false };
  draw();
}

function drawHeads() {
  const heads = columns().map((column, number) => {
    const head = document.createElement("th");
    head.scope = "col";
    if (column.number) head.className = "number";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = column.name;
    button.addEventListener("click", () => sortBy(number));
    head.append(button);
    return head;
  });
  if (model.methods.length) {
    const last = document.createElement("th");
    last.scope = "col";
    last.className = "plain";
    last.textContent = "Heat map";
    heads.push(last);
  }
  find("method-label").hidden = !model.methods.length;
  find("heads").replaceChildren(...heads);
}

function cell(column, row, first) {
  const value = column.value(row);
  const made = document.createElement(first ? "th" : "td");
  if (first) made.scope = "row";
  made.dataset.of = column.name;
  if (column.number) made.className = "number";
  const text = column.number && value !== null ? shown(value) : (value ?? "");
  if (!text && !first) {
    if (column.name === "Decision" && row.state === "waiting") made.textContent = "…";
    return made;
  }
  const span = document.createElement("span");
  span.textContent = text;
  if (column.name === "Decision" && text === model.positive) span.className = "positive";
  if (column.name === "Problem") span.className = "failed";
  if (column.name === "Like training images" && row.answer?.gate?.passed === false) {
    span.className = "warned";
  }
  made.append(span);
  return made;
}

let drawing = false;

// At most once per frame, because many images can finish in one.
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function draw() {
  find("results").hidden = !rows.length;
  const all = columns();
  [...find("heads").children].slice(0, all.length).forEach((head, number) => {
    if (sorting.column !== number) head.removeAttribute("aria-sort");
    else head.setAttribute("aria-sort", sorting.descending ? "descending" : "ascending");
  });
  const focused = document.activeElement?.dataset?.row;
  const made = ordered().map((row) => {
    const line = document.createElement("tr");
    line.append(...all.map((column, number) => cell(column, row, number === 0)));
    if (!model.methods.length) return line;
    const last = document.createElement("td");
    last.className = "plain";
    if (row.state === "done" && !isWithheld(row)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Heat map";
      button.setAttribute("aria-label", `Heat map of ${row.file.name}`);
      button.dataset.row = String(rows.indexOf(row));
      button.addEventListener("click", () => showMap(row));
      last.append(button);
    }
    line.append(last);
    return line;
  });
  find("rows").replaceChildren(...made);
  if (focused) find("rows").querySelector(`[data-row="${focused}"]`)?.focus();
}

// ---- heat maps ----------------------------------------------------------------------------

let mapNumber = 0;

async function showMap(row) {
  const number = (mapNumber += 1);
  const [image, status] = [find("map-image"), find("map-status")];
  find("map-title").textContent = row.file.name;
  status.textContent = "Computing; this takes seconds to a minute.";
  image.hidden = find("map-note").hidden = true;
  find("map").showModal();
  try {
    const png = await backend.explain(row.file, find("method").value);
    if (number !== mapNumber || !find("map").open) return;
    image.src = URL.createObjectURL(png);
    image.alt = `Heat map of ${row.file.name}`;
    image.hidden = find("map-note").hidden = false;
    status.textContent = "";
  } catch (error) {
    if (number === mapNumber) status.textContent = error.message;
  }
}

function closeMap() {
  mapNumber += 1;
  const image = find("map-image");
  if (image.src) URL.revokeObjectURL(image.src);
  image.removeAttribute("src");
  image.hidden = true;
}

// ---- CSV ----------------------------------------------------------------------------------

function csvCell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  // Text that a spreadsheet would evaluate gets an apostrophe.
  const text = /^'*[=+\-@\t\r\n＝＋－＠]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csv() {
  const all = columns();
  const head = all.map((each) => each.saved ?? each.name.toLowerCase().replaceAll(" ", "_"));
  const body = ordered().map((row) => all.map((column) => column.value(row)));
  const threshold = body.map(() => model.threshold);
  const lines = body.map((line, number) => [...line, threshold[number], model.name, model.sha256]);
  return [[...head, "threshold", "model", "model_sha256"], ...lines]
    .map((line) => line.map(csvCell).join(","))
    .join("\r\n");
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${csv()}\r\n`], { type: "text/csv" }));
  link.download = "predictions.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// ---- the page -----------------------------------------------------------------------------

function describe() {
  const floor = model.recall_floor;
  const guarantee = floor
    ? ` Chosen to find ${100 * floor.recall} % or more of the patients with ${floor.positive}, ` +
      `with confidence ${100 * floor.confidence} % (${floor.guarantee}).`
    : " No recall is guaranteed.";
  find("decision").textContent = `${model.decision}${guarantee}`;
  find("notice").textContent = model.notice;
  const facts = {
    File: model.name,
    "SHA-256": model.sha256,
    Classes: model.classes.join(", "),
    Guarantee: floor?.terms,
    "Input gate": model.gate?.terms ?? "none: any image gets an answer",
    Versions: Object.entries(model.versions).map((each) => each.join(" ")).join(", "),
    Limits:
      `${Math.floor(model.limits.max_bytes / 2 ** 20)} MiB and ` +
      `${model.limits.max_pixels / 1e6} million pixels an image, ` +
      `${model.limits.max_images} images a list`,
  };
  const list = [];
  for (const [name, value] of Object.entries(facts)) {
    if (!value) continue;
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    text.textContent = value;
    list.push(term, text);
  }
  find("facts").replaceChildren(...list);
  find("method").replaceChildren(
    ...model.methods.map((name) => {
      const option = document.createElement("option");
      option.value = option.textContent = name;
      return option;
    }),
  );
  drawHeads();
}

function lock() {
  backend.token = "";
  find("token-form").hidden = false;
  find("work").hidden = true;
  find("token").focus();
}

async function begin() {
  if (backend.needsToken) {
    lock();
    return;
  }
  try {
    model = await backend.model();
  } catch (error) {
    if (error.status === 401) lock();
    else find("notice").textContent = `The model does not answer: ${error.message}`;
    return;
  }
  find("token-form").hidden = true;
  find("work").hidden = false;
  describe();
}

function listen() {
  const drop = find("drop");
  // On the whole page, because a file dropped beside the frame must not replace the page.
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (model && !find("map").open) add([...event.dataTransfer.files]);
  });
  find("files").addEventListener("change", (event) => {
    add([...event.target.files]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  find("stop").addEventListener("click", stop);
  find("save").addEventListener("click", save);
  find("clear").addEventListener("click", () => {
    stop();
    rows = [];
    find("status").dataset.note = "";
    draw();
    progress();
    find("files").focus();
  });
  find("map").addEventListener("close", closeMap);
  find("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    backend.token = find("token").value.trim();
    find("token").value = "";
    begin();
  });
}

// The token is after the #, which browsers never send; it is then removed from the address.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  backend.token = given;
  history.replaceState(null, "", location.pathname);
}
listen();
begin();

"use strict";

// Text comes into the page by textContent alone, so that it is never read as HTML.
(() => {
  const WAIT = 300; // milliseconds after a key, before the text is sent
  const SHOWN = ["pos", "tag", "lemma", "morph"];
  const place = (id) => document.getElementById(id);
  const form = place("form"), field = place("text"), sentences = place("sentences");

  let model = null; // what api/model says
  let tokens = []; // of the text that is shown
  let text = "";
  let asked = 0; // how often the text was sent: only the last answer counts
  let timer = null;
  const reasons = new Map(); // what api/explain said, by text

  function make(tag, name = "", content = "") {
    const element = document.createElement(tag);
    element.className = name;
    element.textContent = content;
    return element;
  }

  const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.1 ? 1 : 0)} %`.replace("100.0", "100");

  async function ask(path, body) {
    const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    let response, answer;
    try {
      response = await fetch(path, options);
      answer = await response.json();
    } catch {
      throw new Error("The service does not answer.");
    }
    if (!response.ok) throw new Error(answer.error);
    return answer;
  }

  function showError(error) {
    place("error").textContent = error ? error.message : "";
  }

  async function tag() {
    clearTimeout(timer);
    const sent = field.value, number = ++asked;
    try {
      const { docs } = await ask("api/tag", { text: sent });
      if (number !== asked) return;
      showError(null);
      [{ text, tokens }] = docs;
      reasons.clear();
      draw();
    } catch (error) {
      if (number === asked) showError(error);
    }
  }

  // Sentences as lists of the numbers of their tokens; one list where the pipeline finds no sentences.
  function split() {
    const parts = [];
    tokens.forEach((token, i) => {
      if (!parts.length || token.sent_start) parts.push([]);
      parts[parts.length - 1].push(i);
    });
    return parts.filter((part) => part.some((i) => tokens[i].text.trim()));
  }

  function draw() {
    const parts = split(), words = tokens.filter((token) => token.text.trim()).length;
    sentences.replaceChildren(...parts.map(drawSentence));
    const count = (n, unit) => `${n.toLocaleString("en")} ${unit}${n === 1 ? "" : "s"}`;
    const found = tokens.some((token) => token.sent_start !== null);
    place("status").textContent = words ? count(words, "word") + (found ? `, ${count(parts.length, "sentence")}` : "") : "";
    showExample();
  }

  function drawSentence(part, number) {
    const section = place("sentence-template").content.firstElementChild.cloneNode(true);
    section.querySelector("h2").textContent = number + 1;
    section.setAttribute("aria-label", `Sentence ${number + 1}`);
    const words = section.querySelector(".words");
    words.lang = model ? model.lang : "";
    part.forEach((i) => {
      if (tokens[i].text.trim()) words.append(drawWord(i));
      else if (tokens[i].text.includes("\n")) words.append(make("span", "break"));
    });
    return section;
  }

  function drawWord(i) {
    const token = tokens[i];
    const group = model && model.groups.find(({ tags }) => tags.includes(token.pos));
    const chip = make("button", `word ${group ? group.name : "other"}`);
    chip.type = "button";
    chip.dataset.token = i;
    chip.setAttribute("aria-expanded", "false");
    chip.append(make("span", "form", token.text)); // no bdi: it tells the direction of the sentence
    for (const layer of SHOWN) {
      if (!token[layer]) continue;
      const line = make("span", layer);
      line.lang = layer === "lemma" ? "" : "en";
      if (layer === "morph") line.append(...token.morph.split("|").map((feature) => make("span", "", feature)));
      else line.append(make("bdi", "", token[layer]));
      chip.append(line);
    }
    // The confidence of a chip is that of its least certain label.
    const shares = SHOWN.map((layer) => token.confidence[layer]).filter((share) => share !== undefined);
    if (shares.length) chip.append(make("span", "confidence", percent(Math.min(...shares))));
    if (model && shares.some((share) => share < model.doubtful)) chip.classList.add("doubtful");
    return chip;
  }

  // What is explained: the whole text, or the sentence alone if the text is too long.
  function context(i, limit) {
    const part = split().find((numbers) => numbers.includes(i));
    const isLong = tokens.filter((token) => token.text.trim()).length > limit;
    const first = tokens[isLong ? part[0] : 0], last = tokens[isLong ? part[part.length - 1] : tokens.length - 1];
    const characters = [...text]; // the offsets are of characters, not of UTF-16
    return { text: characters.slice(first.start, last.end).join(""), offset: first.start, isPart: isLong };
  }

  async function explain(chip) {
    const i = Number(chip.dataset.token), limits = model.limits;
    const { text: about, offset, isPart } = context(i, limits.max_explained_words);
    close();
    const why = place("why-template").content.firstElementChild.cloneNode(true);
    chip.setAttribute("aria-expanded", "true");
    chip.closest(".sentence").append(why);
    why.querySelector("h3").append("Why ", make("bdi", "", `“${tokens[i].text}”`), "?");
    why.setAttribute("aria-label", `Why ${tokens[i].text}?`);
    why.querySelector(".note").textContent = "…";
    try {
      if (!reasons.has(about)) reasons.set(about, await ask("api/explain", { text: about }));
      if (!why.isConnected) return;
      showWhy(why, chip, reasons.get(about).words, offset, isPart);
    } catch (error) {
      why.querySelector(".note").textContent = error.message;
    }
    offerInside(why, i, limits.max_words_inside);
    why.focus({ preventScroll: true });
    why.scrollIntoView({ block: "nearest" });
  }

  function showWhy(why, chip, words, offset, isPart) {
    const token = tokens[chip.dataset.token];
    const word = words.find(({ start }) => start + offset === token.start);
    why.querySelector(".note").textContent = isPart ? "The text is long: this is what the sentence alone says." : "";
    if (!word) throw new Error("Another component has made this token.");
    const matter = new Set();
    for (const layer of [...SHOWN, "sents"].filter((name) => name in word.labels)) {
      const { likeliest, without } = word.labels[layer];
      const box = make("div", "layer");
      box.append(make("h4", "", model.layers[layer]));
      const table = make("table");
      likeliest.filter(({ probability }, rank) => !rank || probability >= 0.005).forEach(({ label, probability }) => {
        const row = table.insertRow(), name = make("th"), bar = make("div");
        name.scope = "row";
        name.append(make("bdi", "", label.replaceAll("|", " | ").replace(/^_$/, "none")));
        bar.append(make("i"));
        bar.firstChild.style.width = `${100 * probability}%`;
        row.append(name);
        row.insertCell().append(bar);
        row.insertCell().textContent = percent(probability);
      });
      const list = make("ul");
      without.forEach(({ word: other, probability }) => {
        const item = make("li"), name = make("b");
        name.append(make("bdi", "", words[other].text));
        item.append("without ", name, ` ${percent(probability)}`);
        list.append(item);
        matter.add(words[other].start + offset);
      });
      if (!without.length) list.append(make("li", "", "no other word matters"));
      box.append(table, list);
      why.querySelector(".layers").append(box);
    }
    for (const other of sentences.querySelectorAll(".word")) {
      other.classList.toggle("reason", matter.has(tokens[other.dataset.token].start));
    }
  }

  function offerInside(why, i, limit) {
    const { text: about, isPart } = context(i, limit);
    const count = about.split(/\s+/).length; // about: the service knows
    why.querySelector("[name=text]").value = about;
    why.querySelector(".inside button").disabled = count > limit;
    why.querySelector("small").textContent =
      count > limit ? `for at most ${limit} words` : `a new page${isPart ? " about this sentence" : ""}, in some seconds`;
  }

  function close() {
    const why = sentences.querySelector(".why"), chip = sentences.querySelector("[aria-expanded=true]");
    if (why) why.remove();
    if (chip) chip.setAttribute("aria-expanded", "false");
    for (const other of sentences.querySelectorAll(".reason")) other.classList.remove("reason");
    return chip;
  }

  function showExample() {
    const url = new URL("api/tag", location.href).href;
    const body = JSON.stringify({ text: [...text].slice(0, 60).join("") }).replaceAll("'", "\\u0027");
    place("example").textContent = `curl ${url} --header 'Content-Type: application/json' \\\n  --data '${body}'`;
  }

  function showLayers() {
    for (const box of form.querySelectorAll("[type=checkbox]")) sentences.classList.toggle(`hide-${box.name}`, !box.checked);
  }

  sentences.addEventListener("click", (event) => {
    const chip = event.target.closest(".word");
    if (event.target.closest(".close") || (chip && chip.getAttribute("aria-expanded") === "true")) close().focus();
    else if (chip && model) explain(chip);
  });
  sentences.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && sentences.querySelector(".why")) close().focus();
    const chips = [...sentences.querySelectorAll(".word")], at = chips.indexOf(event.target);
    const isRtl = at >= 0 && getComputedStyle(event.target.parentNode).direction === "rtl";
    const step = { ArrowRight: isRtl ? -1 : 1, ArrowLeft: isRtl ? 1 : -1 }[event.key];
    if (at >= 0 && step && chips[at + step]) chips[at + step].focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tag();
  });
  form.addEventListener("change", showLayers);
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(tag, WAIT);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) tag();
  });

  async function start() {
    showLayers();
    try {
      model = await ask("api/model");
    } catch (error) {
      return showError(error);
    }
    place("model").textContent = `model ${model.model}, version ${model.version}`;
    field.maxLength = model.limits.max_characters;
    place("legend").replaceChildren(
      ...model.groups.map(({ name, description }) => make("li", name, description)),
      make("li", "", "percent: confidence of the least certain label"),
    );
    await tag();
  }
  start();
})();

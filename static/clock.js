// What changes on a page by itself: the time that is left, and what is not true any more when it is over.
// Every page is made by the clock of the server, so without this it is right when it is loaded again.
(() => {
  "use strict";
  const body = document.body;
  const find = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const announce = text => { const live = find("#live"); if (live) live.textContent = text; };

  // -------------------------------------------------------------- countdown
  // The server wrote the words; we keep them fresh by the server's clock, not the device's.
  const offset = Number(body.dataset.now) * 1000 - Date.now();
  const serverNow = () => Date.now() + offset;
  const split = milliseconds => {
    const minutes = Math.max(0, Math.floor(milliseconds / 60000));
    const hours = Math.floor(minutes / 60);
    if (hours >= 24) return [[Math.floor(hours / 24), "d"], [hours % 24, "h"]].filter((part, at) => !at || part[0]);
    if (hours) return [[hours, "h"], [minutes % 60, "min"]].filter((part, at) => !at || part[0]);
    return minutes ? [[minutes, "min"]] : [];
  };
  const HOUR = 3600000;
  const urgency = left => left <= 0 ? "over" : left <= 6 * HOUR ? "now" : left <= 24 * HOUR ? "soon" : "calm";
  const show = time => {
    const left = Date.parse(time.dateTime) - serverNow();
    const holder = time.closest("[data-urgency]");
    if (holder && holder.dataset.urgency !== "paused") holder.dataset.urgency = urgency(left);
    if (left <= 0) return ranOut(time);
    const parts = split(left);
    if (time.dataset.countdown === "big") {
      time.replaceChildren(...(parts.length ? parts : [["<1", "min"]]).flatMap(([number, unit]) => {
        const span = document.createElement("span");
        span.textContent = unit;
        return [String(number), span];
      }));
    } else {
      time.textContent = (parts.map(part => part.join(" ")).join(" ") || "less than a minute") + (time.dataset.countdown ? "" : " left");
    }
  };
  const ranOut = time => {
    time.textContent = time.closest("[data-over]")?.dataset.over || "time is up";
    const row = time.closest("[data-refresh] > li");
    if (row) askForRow(row);
  };
  const tick = () => {
    all(".deadline time, time[data-countdown]").forEach(show);
    for (const gone of all("[data-gone-at]")) if (Date.parse(gone.dataset.goneAt) <= serverNow()) {
      if (gone.contains(document.activeElement)) gone.closest("[tabindex]")?.focus();
      gone.remove();
    }
    for (const holder of all("[data-until]")) if (Date.parse(holder.dataset.until) <= serverNow()) isOutOfDate(holder);
    plan();
  };
  let planned = 0;
  const plan = () => {
    const ends = all("[data-until], .deadline time").map(it => Date.parse(it.dataset.until || it.dateTime) - serverNow());
    const next = Math.min(...ends.filter(left => left > 0));
    clearTimeout(planned);
    if (next < 30000) planned = setTimeout(tick, next + 100);
  };

  // ------------------------------------------------ what changes by itself
  // `data-until` is how long a part of a page is true if nobody does anything.
  const isOutOfDate = holder => {
    if (holder.matches("li")) askForRow(holder);
    else if (holder.matches("ul")) tellChanged(holder.closest("#rows, #list"), "The list has changed.");
    else if (holder.closest("#booking")) ask(location.pathname, find("#booking"), "#h-panel");
    else if (isInUse(holder)) tellChanged(holder, "This page is out of date. Loading it again empties the form.");
    else location.replace(location.pathname + location.search);
  };
  // Somebody has filled something in, or is about to.
  const isInUse = page => all("form", page).some(form => form.contains(document.activeElement))
    || all("textarea, input:not([type=hidden])", page).some(field => field.name === "slot" ? field.checked : field.checked !== field.defaultChecked || field.value !== field.defaultValue);
  const askForRow = row => {
    const list = row.closest("[data-refresh]");
    // A row that knows its time is up looks again by itself, now and then.
    if (!list || row.hasAttribute("hx-trigger")) return;
    const { pathname, search } = new URL(list.dataset.refresh, find("h3 a", row).href);
    ask(pathname + search, row, "h3 a");
  };
  // Not again at once where the answer says the same: the clock of a device may be set anew meanwhile.
  const askedAt = {};
  const ask = async (address, target, focus) => {
    if (!window.htmx || askedAt[address] > Date.now() - 20000) return;
    askedAt[address] = Date.now();
    const hadFocus = target.contains(document.activeElement);
    target.dataset.asked = "";
    await window.htmx.ajax("GET", address, { target, swap: "outerHTML" }).catch(() => {});
    delete target.dataset.asked;
    const fresh = document.getElementById(target.id);
    if (hadFocus && fresh && document.activeElement === body) find(focus, fresh)?.focus();
    if (fresh !== target && fresh?.id === "booking") announce(`${find("#h-panel", fresh).textContent}: ${find(".decide__big", fresh).textContent}`);
  };
  const tellChanged = (place, text) => {
    if (!place || find(".notice--changed", place)) return;
    const box = document.createElement("div");
    box.className = "notice notice--changed";
    const words = document.createElement("p");
    words.textContent = text;
    const link = document.createElement("a");
    link.className = "btn";
    link.href = location.pathname + location.search;
    link.textContent = "Show it as it is now";
    box.append(words, link);
    place.prepend(box);
  };
  // A list of calls with a deadline, and the codes of those that belong there now. Nothing is put under
  // a person's hands: rows that are settled lose their buttons, anything else is only said.
  body.addEventListener("list:now", event => {
    const { calls, areAll, count } = event.detail;
    const list = find("#list");
    if (!list) return;
    const code = row => row.id.slice("call-".length);
    const rows = all("[data-refresh] > li", list).filter(row => !row.matches(".call--settled") && !find(".call--done, .call--settled", row));
    const settled = rows.filter((row, at) => !calls.includes(code(row)) && (areAll || at < calls.length));
    settled.forEach(askForRow);
    const open = rows.filter(row => !settled.includes(row)).map(code).slice(0, calls.length);
    const isWhole = !find("[data-more] a", list);
    const isAsShown = open.every((one, at) => one === calls[at]) && (open.length === calls.length || !isWhole);
    const isNarrowed = /[?&](q|after)=./.test(location.search);
    const isCounted = find(".seg [aria-current] .count")?.textContent === count;
    if (!isCounted || !isAsShown && !isNarrowed) tellChanged(list, "The list has changed.");
  });

  setInterval(tick, 30000);
  plan();
  setInterval(() => { if (find("[data-gone-at]")) tick(); }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
  body.addEventListener("htmx:afterSettle", tick);
})();

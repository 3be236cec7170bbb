// follower pages: the zone of somebody new, a time that is missing, the bank's reference, a quiet refresh
(() => {
  // Nothing was known of this reader when the page was made: show the times in their zone at once.
  const select = document.querySelector('#tz[data-guess]');
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (select && zone && zone !== select.value) {
    if (![...select.options].some(o => o.value === zone)) select.add(new Option(zone, zone));
    select.value = zone;
    addEventListener('load', () => select.dispatchEvent(new Event('change', { bubbles: true })));
  }
  // The button is in sight all the time, the times are not: whoever has chosen none is led to them.
  document.addEventListener('submit', e => {
    const times = e.target.querySelector('.slots[data-required]');
    if (!times || times.querySelector('[name="slot"]:checked')) return;
    e.preventDefault();
    const heading = document.getElementById('s-time');
    const said = document.createElement('p');
    said.id = 'slot-problem';
    said.className = 'field__error';
    said.setAttribute('role', 'alert');
    document.getElementById('slot-problem')?.remove();
    times.before(said);
    said.textContent = times.dataset.required;
    heading.setAttribute('aria-describedby', said.id);
    heading.focus({ preventScroll: true });
    heading.scrollIntoView();
  });
  document.body.addEventListener('change', e => {
    if (e.target.name === 'slot') document.getElementById('slot-problem')?.remove();
  });
})();

// follower pages: the zone of somebody new, copying the bank's reference
(() => {
  // Nothing was known of this reader when the page was made: show the times in their zone at once.
  const select = document.querySelector('#tz[data-guess]');
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (select && zone && zone !== select.value) {
    if (![...select.options].some(o => o.value === zone)) select.add(new Option(zone, zone));
    select.value = zone;
    addEventListener('load', () => select.dispatchEvent(new Event('change', { bubbles: true })));
  }
  const showCopyButtons = () => document.querySelectorAll('[data-copy][hidden]').forEach(b => { b.hidden = false; });
  showCopyButtons();
  document.body.addEventListener('htmx:afterSettle', showCopyButtons);
  document.body.addEventListener('click', async e => {
    const button = e.target.closest('[data-copy]');
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.querySelector('span').textContent = 'Copied';
      document.getElementById('live').textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(source);
    }
  });
})();

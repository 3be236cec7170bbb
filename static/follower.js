// follower pages: the device's time zone, copying the bank's reference, a quiet refresh
(() => {
  const known = document.cookie.split('; ').some(part => part.startsWith('tz='));
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || '';
  if (/^[A-Za-z0-9_+/-]{1,64}$/.test(zone)) {
    const secure = location.protocol === 'https:' ? '; Secure' : '';
    document.cookie = `tz=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    // The first time nothing was known of this reader: show the times in their zone at once.
    const select = document.getElementById('tz');
    if (!known && select && select.value === 'UTC' && [...select.options].some(o => o.value === zone)) {
      select.value = zone;
      window.addEventListener('load', () => select.dispatchEvent(new Event('change', { bubbles: true })));
    }
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
  // The refresh of the status page waits while somebody reads or uses what it would replace.
  document.body.addEventListener('htmx:beforeRequest', e => {
    const region = e.detail.elt;
    if (region.id === 'standing' && (region.contains(document.activeElement) || region.querySelector('details[open]'))) e.preventDefault();
  });
})();

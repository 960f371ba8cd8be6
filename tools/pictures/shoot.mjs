// Takes pictures: node shoot.mjs PROMETHEUS_PORT DASHBOARDS OUT < shots.json
// A shot: {"name", "dashboard", "query", "width", "vision"}. For each, a PNG and, on standard output, what is in it.
import fs from 'node:fs';
import { chromium } from 'playwright-core';
import { serve } from './serve.mjs';

const [prometheus, dashboards, out] = process.argv.slice(2);
const shots = JSON.parse(fs.readFileSync(0, 'utf8'));
const TIMEOUT = 300_000; // on a busy machine

const server = await serve(prometheus, dashboards);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const shot of shots) {
    console.log(JSON.stringify({ name: shot.name, ...(await take(shot)) }));
  }
} finally {
  await browser.close();
  server.close();
}

async function take({ name, dashboard, query, width, vision }) {
  const context = await browser.newContext({ viewport: { width: width + 16, height: 1000 }, timezoneId: 'UTC', locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  const problems = [];
  page.on('pageerror', (error) => problems.push(`page: ${String(error.stack ?? error).slice(0, 500)}`));
  page.on('response', (response) => response.status() >= 400 && problems.push(`${response.status()} ${response.url()}`));
  const parameters = new URLSearchParams({ dashboard, width, ...query });
  await page.clock.setFixedTime(query.to * 1000); // "5 minutes ago" is the same each time
  await page.goto(`http://127.0.0.1:${server.address().port}/?${parameters}`);
  await page.waitForFunction(() => window.report?.fatal || (window.report?.started && window.report.waiting === 0));
  const height = await page.evaluate(() => Math.ceil(document.getElementById('root').getBoundingClientRect().height));
  await page.setViewportSize({ width: width + 16, height });
  await settled(page);
  if (vision) {
    const session = await context.newCDPSession(page);
    await session.send('Emulation.setEmulatedVisionDeficiency', { type: vision });
  }
  await page.screenshot({ path: `${out}/${name}.png` });
  const report = await page.evaluate(() => window.report);
  const cut = await page.evaluate(findCut);
  await context.close();
  return { ...report, problems: [...report.problems, ...problems.map((problem) => ({ panel: '', problem }))], cut };
}

/** Wait until nothing on the page changes any more: tables and graphs measure themselves, then draw again. */
async function settled(page) {
  let before = '';
  for (let same = 0; same < 3; ) {
    await page.waitForTimeout(250);
    const now = await page.evaluate(() => document.getElementById('root').innerHTML);
    same = now === before ? same + 1 : 0;
    before = now;
  }
}

/** Return titles that do not fit, tables wider than their panels, cells whose text is cut, values on their sparklines. */
function findCut() {
  const PADDING = 14; // pixels above a value, which Grafana does not take from the sparkline's height
  const cut = [];
  for (const panel of document.querySelectorAll('.panel')) {
    const title = panel.dataset.title;
    const head = panel.querySelector('[data-testid*="header-container"] h2, [data-testid*="header-container"] h6');
    if (head && head.scrollWidth > head.clientWidth) {
      cut.push(`${title}: title`);
    }
    if (panel.dataset.type === 'stat') {
      const lines = [...panel.querySelectorAll('canvas')].map((one) => one.getBoundingClientRect());
      const lies = (word) => lines.some((line) => word.bottom > line.top + PADDING && word.top < line.bottom && word.right > line.left && word.left < line.right);
      if (words(panel.querySelector('[data-testid*="content"]')).some(lies)) {
        cut.push(`${title}: value on its sparkline`);
      }
    }
    const grid = panel.querySelector('[role="grid"]');
    if (grid && grid.scrollWidth > grid.clientWidth + 1) {
      cut.push(`${title}: columns, ${grid.scrollWidth} of ${grid.clientWidth} pixels`);
    }
    for (const cell of panel.querySelectorAll('[role="gridcell"], [role="columnheader"]')) {
      const whole = [cell, ...cell.querySelectorAll('*')];
      const left = cell.getBoundingClientRect().left; // where numbers, which stand at the right, are cut
      if (whole.some((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0) || words(cell).some((word) => word.width && word.left < left)) {
        cut.push(`${title}: ${cell.textContent}`);
      }
    }
  }
  return cut;

  /** Return the places of all texts below a node. */
  function words(node) {
    const found = [];
    const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const place = document.createRange();
      place.selectNodeContents(walker.currentNode);
      found.push(place.getBoundingClientRect());
    }
    return found;
  }
}

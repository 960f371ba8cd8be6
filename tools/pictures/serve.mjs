// Serves the page, the dashboards, Grafana's fonts and icons, and passes questions on to Prometheus.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const TYPES = { '.css': 'text/css', '.js': 'text/javascript', '.json': 'application/json', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
const FONTS = 'node_modules/@fontsource/inter/files';
const PAGE = `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/dist/app.css"><body style="margin:0">
<div id="root"></div><div id="grafana-portal-container"></div>
<script>
  window.__grafana_public_path__ = '/public/';
  window.grafanaBootData = { settings: {}, user: {}, navTree: [] };
</script>
<script type="module" src="/dist/app.js"></script>`;

/** Start a server on a free port. */
export function serve(prometheus, dashboards) {
  const folders = {
    '/dashboards/': dashboards,
    '/dist/': 'dist',
    '/public/build/img/': 'node_modules/@grafana/ui/dist/public/img',
    '/public/': 'node_modules/@grafana/ui/dist/public',
  };
  const server = http.createServer((request, response) => {
    const place = new URL(request.url, 'http://localhost').pathname;
    if (place.startsWith('/prometheus/')) {
      return passOn(prometheus, request, response);
    }
    const folder = Object.keys(folders).find((prefix) => place.startsWith(prefix));
    const file = place.startsWith('/public/fonts/') ? font(place) : (folder && path.join(folders[folder], place.slice(folder.length)));
    if (!file) {
      response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    } else if (fs.existsSync(file)) {
      response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' });
      fs.createReadStream(file).pipe(response);
    } else {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Inter stands in for the others that Grafana has; only code uses them. */
function font(place) {
  const style = place.endsWith('Inter-Italic.woff2') ? '400-italic' : place.endsWith('Inter-Medium.woff2') ? '500-normal' : '400-normal';
  return `${FONTS}/inter-latin-${style}.woff2`;
}

function passOn(port, request, response) {
  const { method, headers } = request;
  const path = request.url.slice('/prometheus'.length);
  const passed = http.request({ host: '127.0.0.1', port, path, method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  passed.on('error', (error) => response.writeHead(502).end(String(error)));
  request.pipe(passed);
}

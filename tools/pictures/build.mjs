// Bundles the page, beside node_modules: node build.mjs
import { build } from 'esbuild';

await build({
  entryPoints: ['src/app.tsx'],
  alias: { 'react-router-dom-v5-compat': 'react-router-dom' }, // which @grafana/ui asks for, for old versions
  bundle: true,
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'globalThis' },
  format: 'esm',
  jsx: 'automatic',
  loader: { '.png': 'dataurl', '.svg': 'dataurl', '.ttf': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl' },
  logLevel: 'warning',
  minify: true,
  outdir: 'dist',
  splitting: true,
  target: 'es2022',
});

// Checks the dashboards' JSON against Grafana's own types of several versions: node shapes.mjs DASHBOARDS
// TypeScript finds keys that a version does not know, and values of a wrong type.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const [dashboards] = process.argv.slice(2);
const VERSIONS = ['schema-10', 'schema-11', 'schema-12', '@grafana/schema'];
const KINDS = { stat: 'Stat', 'state-timeline': 'StateTimeline', table: 'Table', text: 'Text', timeseries: 'TimeSeries' };
const WITHOUT_FIELDS = new Set(['stat', 'text']); // their fields have no options of the panel's own
// Everything may be missing, since Grafana has defaults, and an enumeration is written as its text.
const LOOSE = `type Loose<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends Array<infer E> ? Array<Loose<E>> : { [K in keyof T]?: Loose<T[K]> };`;

let failed = false;
for (const version of VERSIONS) {
  const folder = `shapes/${version.replace(/\W/g, '')}`;
  fs.mkdirSync(folder, { recursive: true });
  const { version: number, types, exports } = JSON.parse(fs.readFileSync(`node_modules/${version}/package.json`, 'utf8'));
  const index = types ?? exports['.'].types ?? exports['.'].import.types;
  const options = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, target: 'es2022', module: 'esnext', moduleResolution: 'bundler' },
    ...{ types: [], baseUrl: '../..', paths: { '@grafana/schema': [`node_modules/${version}/${index}`] } },
  };
  fs.writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions: options, files: ['panels.ts'] }));
  fs.writeFileSync(`${folder}/panels.ts`, source(version));
  try {
    execFileSync('node_modules/.bin/tsc', ['--project', folder], { encoding: 'utf8' });
    console.log(`the dashboards fit @grafana/schema ${number}`);
  } catch (error) {
    failed = true;
    console.log(`the dashboards do not fit @grafana/schema ${number}:\n${error.stdout}`);
  }
}
process.exit(failed ? 1 : 0);

function source(version) {
  const raw = `../../node_modules/${version}/dist/esm/raw/composable`;
  const lines = [`import type { Panel } from '@grafana/schema';`, LOOSE];
  for (const kind of Object.values(KINDS)) {
    lines.push(`import type * as ${kind} from '${raw}/${kind.toLowerCase()}/panelcfg/x/${kind}PanelCfg_types.gen';`);
  }
  for (const file of fs.readdirSync(dashboards).sort()) {
    const { panels } = JSON.parse(fs.readFileSync(path.join(dashboards, file), 'utf8'));
    for (const panel of panels.flatMap((outer) => [outer, ...(outer.panels ?? [])]).filter((one) => one.type !== 'row')) {
      lines.push(`// ${file}: ${panel.title}`, '{', ...checks(panel), '}');
    }
  }
  return lines.join('\n');
}

function checks(panel) {
  const { options, fieldConfig, targets: _, ...rest } = panel;
  const { custom = {}, ...defaults } = fieldConfig.defaults;
  const properties = fieldConfig.overrides.flatMap((override) => override.properties);
  const overridden = properties.filter(({ id }) => id.startsWith('custom.')).map(({ id, value }) => ({ [id.slice(7)]: value }));
  const kind = KINDS[panel.type];
  const whole = { ...rest, fieldConfig: { defaults, overrides: fieldConfig.overrides } };
  return [
    `const panel: Loose<Panel> = ${JSON.stringify(whole)};`,
    `const options: Loose<${kind}.Options> = ${JSON.stringify(options)};`,
    ...(WITHOUT_FIELDS.has(panel.type) ? [] : [`const fields: Array<Loose<${kind}.FieldConfig>> = ${JSON.stringify([custom, ...overridden])};`]),
  ];
}

// One page: a dashboard's JSON on the data of a Prometheus. The address says which; `window.report` says what is drawn.
import React, { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { applyFieldOverrides, cacheFieldDisplayNames, createTheme, dateTime, EventBusSrv, ThemeContext, TimeRange, transformDataFrame } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles, PanelChrome, PanelContextProvider } from '@grafana/ui';
import { closest } from './colors';
import { fieldConfig, registerTransformations, registry } from './fields';
import { Drawing } from './panels';
import { Choices, interpolate, loadChoices, loadMarks, Mark, problems, query } from './prometheus';

const parameters = new URLSearchParams(location.search);
const THEME = createTheme({ colors: { mode: parameters.get('theme') === 'light' ? 'light' : 'dark' } });
const WIDTH = Number(parameters.get('width') ?? 1600);
const SCRAPE = Number(parameters.get('scrape'));
const CELL = 38; // pixels of a line of Grafana's grid, the gap of 8 among them
const PHONE = 769; // below this width Grafana puts the panels below each other
const STATES = { active: 'light-green', standby: 'blue', sealed: 'orange', down: 'semi-dark-red' };

const report: any = { problems, panels: {}, done: false, waiting: 0 };
(window as any).report = report;

interface Given {
  choices: Choices;
  range: TimeRange;
  marks: Mark[];
}

function Panel({ panel, given }: { panel: any; given: Given }) {
  const width = Math.floor((WIDTH / 24) * panel.gridPos.w - 8);
  const height = panel.gridPos.h * CELL - 8;
  const [drawn, setDrawn] = useState<any>();
  const replace = (text: string) => interpolate(text, given.choices);
  useEffect(() => {
    load(panel, given, width, replace)
      .then(setDrawn)
      .catch((error) => problems.push({ panel: panel.title, problem: String(error?.stack ?? error) }))
      .finally(() => report.waiting--);
  }, []);
  const place = { position: 'absolute', left: Math.floor((WIDTH / 24) * panel.gridPos.x), top: panel.gridPos.y * CELL } as const;
  return (
    <div className="panel" data-title={panel.title} data-type={panel.type} style={place}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
        {(inner: number, tall: number) =>
          drawn ? (
            <Drawing {...drawn} {...given} panel={panel} theme={THEME} width={inner} height={tall} replace={replace}
              report={(values) => (report.panels[panel.title] = { type: panel.type, values })} />
          ) : (
            <span />
          )
        }
      </PanelChrome>
    </div>
  );
}

async function load(panel: any, given: Given, width: number, replace: any) {
  const config = fieldConfig(panel);
  if (panel.type === 'text') {
    return { frames: [], config };
  }
  const answers = await query(panel, given.choices, given.range, SCRAPE, Math.max(200, width));
  const transformed: any[] = panel.transformations?.length
    ? await new Promise((resolve, reject) =>
        transformDataFrame(panel.transformations, answers, { interpolate: replace }).subscribe({ next: resolve, error: reject })
      )
    : answers;
  const frames = applyFieldOverrides({
    data: transformed,
    fieldConfig: config,
    fieldConfigRegistry: registry,
    replaceVariables: replace,
    theme: THEME,
    timeZone: 'browser',
  } as any);
  cacheFieldDisplayNames(frames); // by which tables are sorted
  return { frames, config };
}

/** Return rows and panels with their places; collapsed rows are opened where the address wants it, as by a click. */
function arranged(dashboard: any): any[] {
  const open = parameters.get('rows') === 'open';
  const result: any[] = [];
  let shift = 0;
  const add = (panel: any) => result.push({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y + shift } });
  for (const panel of dashboard.panels) {
    add(panel);
    if (panel.type === 'row' && panel.collapsed && open) {
      panel.panels.forEach(add);
      shift += Math.max(...panel.panels.map((one: any) => one.gridPos.y + one.gridPos.h)) - panel.gridPos.y - 1;
    }
  }
  return WIDTH < PHONE ? stacked(result) : result;
}

function stacked(panels: any[]): any[] {
  let y = 0;
  return panels.map((panel) => {
    const place = { x: 0, y, w: 24, h: panel.gridPos.h };
    y += place.h;
    return { ...panel, gridPos: place };
  });
}

function Dashboard({ dashboard, given }: { dashboard: any; given: Given }) {
  const panels = arranged(dashboard);
  const bottom = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * CELL;
  report.waiting = panels.filter((panel) => panel.type !== 'row').length;
  report.started = true;
  const name = (variable: any) => (given.choices[variable.name].all ? 'All' : given.choices[variable.name].value.join(' + '));
  const shown = dashboard.templating.list.filter((variable: any) => !variable.hide);
  return (
    <div style={{ width: WIDTH }}>
      <div style={{ padding: '0 0 8px 4px', fontSize: 13 }}>
        <b style={{ marginRight: 16 }}>{dashboard.title}</b>
        {shown.map((variable: any) => (
          <span key={variable.name} style={{ marginRight: 16, display: 'inline-block' }}>
            <span style={{ opacity: 0.7 }}>{variable.label}</span> {name(variable)}
          </span>
        ))}
      </div>
      <div style={{ position: 'relative', height: bottom }}>
        {panels.map((panel) => (panel.type === 'row' ? <Row key={panel.id} row={panel} /> : <Panel key={panel.id} panel={panel} given={given} />))}
      </div>
    </div>
  );
}

function Row({ row }: { row: any }) {
  const closed = row.collapsed && parameters.get('rows') !== 'open';
  return (
    <div style={{ position: 'absolute', top: row.gridPos.y * CELL, left: 0, lineHeight: '30px', fontSize: 16, fontWeight: 500 }}>
      {closed ? '›' : '⌄'} {row.title} {row.collapsed && <small style={{ opacity: 0.6 }}>({row.panels.length} panels)</small>}
    </div>
  );
}

async function main() {
  await initPluginTranslations('grafana');
  registerTransformations();
  report.colors = closest(Object.fromEntries(Object.entries(STATES).map(([state, name]) => [state, THEME.visualization.getColorByName(name)])));
  report.names = Object.fromEntries(Object.values(STATES).map((name) => [THEME.visualization.getColorByName(name), name]));
  const dashboard = await (await fetch(`/dashboards/${parameters.get('dashboard')}.json`)).json();
  const to = Number(parameters.get('to')) * 1000;
  const ends = { from: dateTime(to - Number(parameters.get('minutes')) * 60000), to: dateTime(to) };
  const range: TimeRange = { ...ends, raw: ends };
  const chosen = Object.fromEntries([...parameters].filter(([key]) => key.startsWith('var-')).map(([key, value]) => [key.slice(4), value]));
  const choices = await loadChoices(dashboard, chosen, range);
  const given = { choices, range, marks: await loadMarks(dashboard, choices, range) };
  const context: any = { eventBus: new EventBusSrv(), eventsScope: 'pictures', canAddAnnotations: () => false };
  const style = { background: THEME.colors.background.canvas, color: THEME.colors.text.primary, fontFamily: THEME.typography.fontFamily, width: WIDTH, padding: 8 };
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={THEME}>
      <GlobalStyles />
      <div style={style}>
        <PanelContextProvider value={context}>
          <Dashboard dashboard={dashboard} given={given} />
        </PanelContextProvider>
      </div>
    </ThemeContext.Provider>
  );
}

main().catch((error) => (report.fatal = String(error.stack ?? error)));

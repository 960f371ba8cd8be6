// Grafana's Prometheus data source, as far as these dashboards need it: variables, queries, data frames.
import { createDataFrame, DataFrame, FieldType, rangeUtil, TimeRange } from '@grafana/data';

export interface Choice {
  value: string[];
  all: boolean;
  allValue?: string;
}
export type Choices = Record<string, Choice>;

const BASE = '/prometheus/api/v1';
export const problems: Array<{ panel: string; problem: string }> = [];

const escaped = (value: string) => value.replace(/[\\^$.*+?()[\]{}|]/g, '\\\\$&');
const alternatives = (choice: Choice) => `(${choice.value.map(escaped).join('|')})`;

/** Put the variables' values into a text; in a query, several values become a regular expression. */
export function interpolate(text: string, choices: Choices, builtIn: Record<string, string> = {}, query = false): string {
  return text.replace(/\$\{(\w+)(?::(\w+))?\}|\$(\w+)/g, (whole, braced, format, bare) => {
    const name = braced || bare;
    if (name in builtIn) {
      return builtIn[name];
    }
    const choice = choices[name];
    if (!choice) {
      return whole;
    }
    if (format === 'queryparam') {
      const values = choice.all ? ['$__all'] : choice.value;
      return values.map((value) => `var-${name}=${encodeURIComponent(value)}`).join('&');
    }
    if (choice.all) {
      return choice.allValue ?? alternatives(choice);
    }
    return query && choice.value.length > 1 ? alternatives(choice) : choice.value.join(',');
  });
}

async function ask(path: string, parameters: Record<string, string>): Promise<any> {
  const response = await fetch(`${BASE}/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const answer = await response.json();
  if (answer.status !== 'success') {
    throw new Error(`${answer.error} in ${parameters.query}`);
  }
  return answer.data;
}

function number(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : parseFloat(text);
}

function legend(format: string, labels: Record<string, string>): string {
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? label);
}

/** Send the panel's queries. A range has the resolution that Grafana would choose for so many points. */
export async function query(panel: any, choices: Choices, range: TimeRange, scrape: number, points: number) {
  const [from, to] = [range.from.valueOf() / 1000, range.to.valueOf() / 1000];
  const step = Math.max(rangeUtil.roundInterval(((to - from) / points) * 1000) / 1000, scrape);
  const builtIn = {
    __interval: `${step}s`,
    __range: `${Math.round(to - from)}s`,
    __rate_interval: `${Math.max(step + scrape, 4 * scrape)}s`,
  };
  const frames: DataFrame[] = [];
  for (const target of panel.targets) {
    const expression = interpolate(target.expr, choices, builtIn, true);
    try {
      const data = target.instant
        ? await ask('query', { query: expression, time: String(to) })
        : await ask('query_range', {
            query: expression,
            start: String(Math.floor(from / step) * step),
            end: String(Math.floor(to / step) * step),
            step: String(step),
          });
      const series = data.resultType === 'scalar' ? [{ metric: {}, value: data.result }] : data.result;
      frames.push(...(target.format === 'table' ? [table(target, series, panel)] : lines(target, series, step)));
    } catch (error) {
      problems.push({ panel: panel.title, problem: String(error) });
    }
  }
  return frames;
}

function table(target: any, series: any[], panel: any): DataFrame {
  if (!series.length) {
    return createDataFrame({ refId: target.refId, fields: [] });
  }
  const labels = [...new Set<string>(series.flatMap((one) => Object.keys(one.metric)))].sort();
  const tables = panel.targets.filter((one: any) => one.format === 'table').length;
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: series.map((one) => one.value[0] * 1000), config: {} },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        values: series.map((one) => one.metric[label] ?? ''),
        config: { filterable: true },
      })),
      {
        name: tables > 1 ? `Value #${target.refId}` : 'Value',
        type: FieldType.number,
        values: series.map((one) => number(one.value[1])),
        config: {},
      },
    ],
  });
}

function lines(target: any, series: any[], step: number): DataFrame[] {
  return series.map((one) => {
    const samples: Array<[number, string]> = one.values ?? [one.value];
    const { __name__: _, ...labels } = one.metric;
    const config = { displayNameFromDS: legend(target.legendFormat, one.metric) };
    return createDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: samples.map(([time]) => time * 1000), config: { interval: step * 1000 } },
        { name: 'Value', type: FieldType.number, labels, values: samples.map(([, value]) => number(value)), config },
      ],
    });
  });
}

/** Give every variable its default, or what is chosen for it. */
export async function loadChoices(dashboard: any, chosen: Record<string, string>, range: TimeRange): Promise<Choices> {
  const choices: Choices = {};
  for (const variable of dashboard.templating.list) {
    if (variable.type !== 'query') {
      choices[variable.name] = { value: [variable.current?.value ?? 'prometheus'], all: false };
      continue;
    }
    const text = interpolate(variable.query.query, choices, {}, true);
    const [, selector, label] = /^label_values\((?:([\s\S]+),\s*)?(\w+)\)$/.exec(text)!;
    const parameters = new URLSearchParams({
      start: String(range.from.valueOf() / 1000),
      end: String(range.to.valueOf() / 1000),
      'match[]': selector,
    });
    const answer = await (await fetch(`${BASE}/label/${label}/values?${parameters}`)).json();
    choices[variable.name] = chosen[variable.name]
      ? { value: chosen[variable.name].split(','), all: false }
      : { value: answer.data ?? [], all: true, allValue: variable.allValue };
  }
  return choices;
}

export interface Mark {
  time: number;
  color: string;
}

/** Return where the dashboard's annotations put lines on graphs. */
export async function loadMarks(dashboard: any, choices: Choices, range: TimeRange): Promise<Mark[]> {
  const marks: Mark[] = [];
  for (const annotation of dashboard.annotations.list.filter((one: any) => one.expr)) {
    const data = await ask('query_range', {
      query: interpolate(annotation.expr, choices, {}, true),
      start: String(range.from.valueOf() / 1000),
      end: String(range.to.valueOf() / 1000),
      step: '60',
    });
    for (const series of data.result) {
      const times = annotation.useValueForTime
        ? [...new Set<number>(series.values.map((sample: any) => Number(sample[1])))]
        : [series.values[0][0] * 1000];
      marks.push(...times.map((time) => ({ time, color: annotation.iconColor })));
    }
  }
  return marks;
}

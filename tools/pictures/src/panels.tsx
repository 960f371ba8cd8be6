// The panels, each drawn by Grafana's own component. State timelines are drawn here: Grafana's is in no package.
import React from 'react';
import {
  dateTime, FieldType, getDisplayValueAlignmentFactors, getFieldDisplayName, getFieldDisplayValues, GrafanaTheme2,
  renderMarkdown, TimeRange, VizOrientation,
} from '@grafana/data';
import { BigValue, TimeSeries, VizLegend, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { Mark } from './prometheus';

export interface Drawn {
  panel: any;
  frames: any[];
  config: any;
  range: TimeRange;
  marks: Mark[];
  theme: GrafanaTheme2;
  width: number;
  height: number;
  replace: (text: string) => string;
  report: (values: Array<{ name: string; text: string; color?: string }>) => void;
}

export function Drawing(drawn: Drawn): React.ReactElement {
  switch (drawn.panel.type) {
    case 'text':
      return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderMarkdown(drawn.panel.options.content) }} />;
    case 'stat':
      return <Stat {...drawn} />;
    case 'table':
      return <Rows {...drawn} />;
    case 'state-timeline':
      return <StateTimeline {...drawn} />;
    default:
      return <Lines {...drawn} />;
  }
}

function Nothing({ config, height, theme }: Drawn) {
  const style: React.CSSProperties = { height, display: 'flex', alignItems: 'center', justifyContent: 'center', color: theme.colors.text.secondary };
  return <div style={style}>{config.defaults.noValue ?? 'No data'}</div>;
}

function Stat({ panel, frames, config, theme, width, height, replace, report }: Drawn) {
  const options = panel.options;
  const values = getFieldDisplayValues({
    fieldConfig: config,
    reduceOptions: options.reduceOptions,
    replaceVariables: replace,
    theme,
    data: frames,
    sparkline: options.graphMode !== 'none',
  } as any);
  report(values.map(({ display }) => ({ name: display.title ?? '', text: `${display.prefix ?? ''}${display.text}${display.suffix ?? ''}`, color: display.color })));
  return (
    <VizRepeater
      getValues={() => values}
      getAlignmentFactors={getDisplayValueAlignmentFactors as any}
      width={width}
      height={height}
      source={frames}
      renderCounter={0}
      orientation={options.orientation as VizOrientation}
      itemSpacing={3}
      renderValue={({ value, width, height, count, alignmentFactors }: any) => (
        <BigValue
          value={value.display}
          count={count}
          sparkline={value.sparkline}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          alignmentFactors={alignmentFactors}
          width={width}
          height={height}
          theme={theme}
          disableWideLayout={!options.wideLayout}
          text={options.text}
        />
      )}
    />
  );
}

function Rows(drawn: Drawn) {
  const { panel, frames, config, width, height, report } = drawn;
  const frame = frames[0];
  if (!frame?.length) {
    return <Nothing {...drawn} />;
  }
  report(
    frame.fields.flatMap((field: any) =>
      Array.from(field.values, (value) => ({
        name: getFieldDisplayName(field, frame, frames),
        text: field.display(value).text,
        color: field.display(value).color,
      }))
    )
  );
  const sortBy = panel.options.sortBy ?? [];
  const Table = TableNG as any;
  return <Table data={frame} width={width} height={height} cellHeight={panel.options.cellHeight} noHeader={!panel.options.showHeader} fieldConfig={config} structureRev={1} sortBy={sortBy} />;
}

function Lines(drawn: Drawn) {
  const { panel, frames, range, width, height, marks, theme } = drawn;
  if (!frames.length) {
    return <Nothing {...drawn} />;
  }
  const drawMarks = (plot: any) => marks.forEach((mark) => drawMark(plot, mark, theme));
  return (
    <TimeSeries frames={frames} structureRev={1} width={width} height={height} timeRange={range} timeZone="browser" legend={panel.options.legend} options={panel.options as any}>
      {(builder: any) => {
        if (!builder.marked) {
          builder.marked = true;
          builder.addHook('draw', drawMarks);
        }
        return null;
      }}
    </TimeSeries>
  );
}

function drawMark(plot: any, mark: Mark, theme: GrafanaTheme2) {
  const x = plot.valToPos(mark.time, 'x', true);
  const { left, top, width, height } = plot.bbox;
  if (x < left || x > left + width) {
    return;
  }
  const context: CanvasRenderingContext2D = plot.ctx;
  context.save();
  context.strokeStyle = theme.visualization.getColorByName(mark.color);
  context.setLineDash([4, 4]);
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x, top + height);
  context.stroke();
  context.restore();
}

const AXIS = 22;
const LEGEND = 26;
const LETTER = 7;

function StateTimeline(drawn: Drawn) {
  const { frames, width, height, range, theme } = drawn;
  const rows = frames.flatMap((frame) => frame.fields.filter((one: any) => one.type === FieldType.number).map((field: any) => ({ frame, field, name: getFieldDisplayName(field, frame, frames) })));
  if (!rows.length) {
    return <Nothing {...drawn} />;
  }
  const left = Math.min(200, 12 + Math.max(...rows.map(({ name }) => name.length)) * LETTER);
  const line = (height - AXIS - LEGEND) / rows.length;
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const at = (time: number) => left + ((time - from) / (to - from)) * (width - left - 4);
  const bands = rows.flatMap(({ frame, field }, row) => bandsOf(frame, field, to).map((band) => ({ ...band, row })));
  const legend = new Map(bands.map(({ text, color }) => [text, color]));
  drawn.report(bands.map(({ text, color, row }) => ({ name: rows[row].name, text, color })));
  const ticks = Array.from({ length: 6 }, (_, index) => from + ((to - from) * (index + 0.5)) / 6);
  const label = { fill: theme.colors.text.primary, fontSize: 12 };
  return (
    <div>
      <svg width={width} height={height - LEGEND} style={{ display: 'block' }}>
        {bands.map(({ start, end, color, text, row }) => {
          const [x, wide] = [at(start), Math.max(1, at(end) - at(start))];
          return (
            <g key={`${row}.${start}`}>
              <rect x={x} y={row * line + line * 0.05} width={wide} height={line * 0.9} fill={color} fillOpacity={0.8} />
              {wide > text.length * LETTER + 8 && (
                <text x={x + 6} y={row * line + line / 2 + 4} fontSize={12} fill={theme.colors.getContrastText(color)}>
                  {text}
                </text>
              )}
            </g>
          );
        })}
        {rows.map(({ name }, row) => (
          <text key={name} x={left - 6} y={row * line + line / 2 + 4} textAnchor="end" {...label}>
            {name}
          </text>
        ))}
        {ticks.map((time) => (
          <text key={time} x={at(time)} y={height - LEGEND - 6} textAnchor="middle" {...label}>
            {dateTime(time).format('HH:mm')}
          </text>
        ))}
      </svg>
      <VizLegend placement="bottom" displayMode={'list' as any} items={[...legend].map(([label, color]) => ({ label, color, yAxis: 1 }))} />
    </div>
  );
}

function bandsOf(frame: any, field: any, to: number) {
  const times = frame.fields[0].values;
  const step = times[1] - times[0] || 15000;
  const bands = [];
  let start = 0;
  for (let next = 1; next <= times.length; next++) {
    const ended = next === times.length || field.values[next] !== field.values[start] || times[next] - times[next - 1] > step;
    if (!ended) {
      continue;
    }
    const { text, color } = field.display(field.values[start]);
    const gone = next === times.length || times[next] - times[next - 1] > step;
    bands.push({ start: times[start], end: gone ? Math.min(to, times[next - 1] + step) : times[next], text, color });
    start = next;
  }
  return bands;
}

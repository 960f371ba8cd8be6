// What Grafana's front end adds to a panel's JSON and no package has: the list of field options, the panels' defaults.
import * as data from '@grafana/data';
import { FieldConfigOptionsRegistry, standardTransformers, standardTransformersRegistry } from '@grafana/data';

const processors = data as any;
const option = (id: string, process: unknown, isCustom = false) =>
  ({ id: isCustom ? `custom.${id}` : id, path: id, name: id, isCustom, process, shouldApply: () => true, settings: {} }) as any;

const STANDARD = {
  actions: processors.identityOverrideProcessor,
  color: processors.identityOverrideProcessor,
  decimals: processors.numberOverrideProcessor,
  displayName: processors.displayNameOverrideProcessor,
  fieldMinMax: processors.identityOverrideProcessor,
  filterable: processors.booleanOverrideProcessor,
  links: processors.dataLinksOverrideProcessor,
  mappings: processors.valueMappingsOverrideProcessor,
  max: processors.numberOverrideProcessor,
  min: processors.numberOverrideProcessor,
  noValue: processors.stringOverrideProcessor,
  thresholds: processors.thresholdsOverrideProcessor,
  unit: processors.unitOverrideProcessor,
};
const CUSTOM = [
  ...['align', 'cellOptions', 'filterable', 'inspect', 'minWidth', 'width'],
  ...['axisBorderShow', 'axisCenteredZero', 'axisColorMode', 'axisLabel', 'axisPlacement', 'axisSoftMax', 'axisSoftMin'],
  ...['barAlignment', 'barWidthFactor', 'drawStyle', 'fillOpacity', 'gradientMode', 'hideFrom', 'insertNulls'],
  ...['lineInterpolation', 'lineStyle', 'lineWidth', 'pointSize', 'scaleDistribution', 'showPoints', 'spanNulls'],
  ...['stacking', 'thresholdsStyle'],
];

export const registry = new FieldConfigOptionsRegistry(() => [
  ...Object.entries(STANDARD).map(([id, process]) => option(id, process)),
  ...CUSTOM.map((id) => option(id, processors.identityOverrideProcessor, true)),
]);

const TIME_SERIES = {
  axisBorderShow: false,
  axisCenteredZero: false,
  axisColorMode: 'text',
  axisLabel: '',
  axisPlacement: 'auto',
  barAlignment: 0,
  barWidthFactor: 0.6,
  drawStyle: 'line',
  fillOpacity: 0,
  gradientMode: 'none',
  hideFrom: { tooltip: false, viz: false, legend: false },
  insertNulls: false,
  lineInterpolation: 'linear',
  lineWidth: 1,
  pointSize: 5,
  scaleDistribution: { type: 'linear' },
  showPoints: 'auto',
  spanNulls: false,
  stacking: { mode: 'none', group: 'A' },
  thresholdsStyle: { mode: 'off' },
};
const DEFAULTS: Record<string, any> = {
  stat: { color: { mode: 'thresholds' } },
  'state-timeline': { color: { mode: 'thresholds' }, custom: { lineWidth: 0, fillOpacity: 70 } },
  table: { color: { mode: 'thresholds' }, custom: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false } },
  timeseries: { color: { mode: 'palette-classic' }, custom: TIME_SERIES },
};

/** Return the panel's field configuration on top of what its kind of panel has by default. */
export function fieldConfig(panel: any): any {
  const standard = DEFAULTS[panel.type] ?? {};
  const own = panel.fieldConfig.defaults;
  return {
    defaults: { ...standard, ...own, custom: { ...standard.custom, ...own.custom } },
    overrides: panel.fieldConfig.overrides,
  };
}

/** Make Grafana's transformations known. The list of them names one twice. */
export function registerTransformations(): void {
  const byId = new Map(Object.values(standardTransformers).map((one: any) => [one.id, one]));
  standardTransformersRegistry.setInit(
    () =>
      [...byId.values()].map((one) => ({
        id: one.id,
        name: one.name,
        defaultOptions: one.defaultOptions,
        transformation: async () => one,
        editor: null,
      })) as any
  );
}

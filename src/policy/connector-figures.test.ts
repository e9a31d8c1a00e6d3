import { expect, it } from 'vitest';

import type { ConnectorSpec } from '../api/v1alpha1/index.ts';
import { connectorFigures } from './connector-figures.ts';

const spec: ConnectorSpec = { vault: { address: 'https://vault', auth: {} } };
const ready = (status: 'True' | 'False', observedGeneration = 1) => ({
  metadata: { generation: 1 },
  spec,
  status: { conditions: [{ type: 'Ready', status, observedGeneration, lastTransitionTime: '', reason: '', message: '' }] },
});

it('connectors are counted by whether they can be used, and a zero is a figure', () => {
  expect(connectorFigures([ready('True'), ready('True')])).toEqual([
    { type: 'vault', ready: true, count: 2 },
    { type: 'vault', ready: false, count: 0 },
  ]);
});

it('a connector is not ready before it was looked at, nor by what was said of another spec', () => {
  expect(connectorFigures([{ metadata: { generation: 1 }, spec }, ready('False'), ready('True', 0)])).toEqual([
    { type: 'vault', ready: true, count: 0 },
    { type: 'vault', ready: false, count: 3 },
  ]);
});

it('connectors are counted by the type of their system', () => {
  const google = { metadata: {}, spec: { googleCloud: { auth: { attached: {} } } } };
  const later = { metadata: {}, spec: {} };
  expect(connectorFigures([ready('True'), google, google, later]).filter(({ ready: works }) => !works)).toEqual([
    { type: 'vault', ready: false, count: 0 },
    { type: 'google-cloud', ready: false, count: 2 },
    { type: 'other', ready: false, count: 1 },
  ]);
});

it('where there are none there is no figure', () => {
  expect(connectorFigures([])).toEqual([]);
});

it('each type has figures of its own, also one that this version does not know', () => {
  const google: ConnectorSpec = { googleCloud: { auth: { attached: {} } } };
  expect(connectorFigures([ready('True'), { ...ready('True'), spec: google }, { ...ready('False'), spec: {} }])).toEqual([
    { type: 'vault', ready: true, count: 1 },
    { type: 'vault', ready: false, count: 0 },
    { type: 'google-cloud', ready: true, count: 1 },
    { type: 'google-cloud', ready: false, count: 0 },
    { type: 'other', ready: true, count: 0 },
    { type: 'other', ready: false, count: 1 },
  ]);
});

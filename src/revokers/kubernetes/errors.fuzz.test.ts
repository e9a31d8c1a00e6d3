import fc from 'fast-check';
import { describe, it } from 'vitest';
import { answersLike } from '../../../test/fuzz/answers.ts';
import type { Answer } from '../../../test/fuzz/answers.ts';
import { holds } from '../../../test/fuzz/property.ts';
import { roleBindings, secrets, serviceAccounts } from '../../kube/resources.ts';
import { classify, describeFailure } from './errors.ts';
import type { Asked } from './errors.ts';

const asked = fc.record({ resource: fc.constantFrom(serviceAccounts, secrets, roleBindings), namespace: fc.constant('ci'), name: fc.constantFrom('agent', 'a:b', 'x\u0000y', '__proto__', '…') });

/** As the API server says that there is none. */
const notFound = ({ resource: { group, plural }, name }: Asked): Answer => ({
  status: 404,
  body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `${plural} "${name}" not found`, reason: 'NotFound', details: { name, group, kind: plural }, code: 404 },
});

const found = ({ resource: { kind }, name, namespace }: Asked): Answer => ({ status: 200, body: { kind, apiVersion: 'v1', metadata: { name, namespace, uid: 'uid-1', resourceVersion: '7' } } });

const cases = asked.chain((question) => answersLike([notFound(question), found(question)]).map((answer) => ({ question, ...answer })));

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((so, key) => (typeof so === 'object' && so !== null && Object.hasOwn(so, key) ? (so as Readonly<Record<string, unknown>>)[key] : undefined), value);

/** The name as a message may show it. */
const shown = (name: string): string => name.replace('\u0000', ' ');

describe('whatever the API server, or something before it, answers', () => {
  it('only its own Status about this very object says that there is none', () => {
    holds(
      fc.property(cases, ({ question, status, body }) => {
        if (classify(status, body, question).state !== 'Absent') return;
        if (status !== 404) throw new Error(`by HTTP ${status}`);
        if (at(body, 'kind') !== 'Status' || at(body, 'reason') !== 'NotFound' || at(body, 'status') === 'Success') throw new Error('by something that is not a Status of NotFound');
        const { name, resource } = question;
        if (![name, shown(name)].includes(String(at(body, 'details', 'name')))) throw new Error('about another name');
        const [kind, group] = [at(body, 'details', 'kind'), at(body, 'details', 'group')];
        if (kind !== resource.plural && kind !== resource.kind) throw new Error('about another kind');
        // What is no text, or empty, is none: that of the core.
        if (typeof group === 'string' ? group !== resource.group : resource.group !== '') throw new Error('about another group');
      }),
      1_000,
    );
  });

  it('only the object itself says that it is there', () => {
    holds(
      fc.property(cases, ({ question, status, body }) => {
        const verdict = classify(status, body, question);
        if (verdict.state !== 'Present') return;
        if (status < 200 || status > 299) throw new Error(`by HTTP ${status}`);
        if (at(body, 'metadata', 'name') !== question.name || at(body, 'metadata', 'namespace') !== question.namespace) throw new Error('another object');
        if (verdict.uid === '' || at(body, 'metadata', 'uid') !== verdict.uid) throw new Error('another UID');
      }),
      400,
    );
  });

  it('the real answers are believed', () => {
    holds(fc.property(asked, (question) => classify(404, notFound(question).body, question).state === 'Absent' && classify(200, found(question).body, question).state === 'Present'));
  });
});

describe('any failure', () => {
  it('is told on one line of at most 500 characters', () => {
    const thrown = fc.oneof(fc.string({ unit: 'binary' }).map((text) => new Error(text)), fc.anything(), fc.string({ unit: 'binary', minLength: 400, maxLength: 2_000 }));
    holds(
      fc.property(thrown, (error) => {
        let text: string;
        try {
          text = describeFailure(error);
        } catch (other) {
          // An object that cannot be made a text of: nobody throws such a thing.
          if (other instanceof TypeError) return;
          throw other;
        }
        if (text.length > 500 || /[\u0000-\u001f\u2028\u2029\u202e]/.test(text)) throw new Error(JSON.stringify(text));
      }),
    );
  });
});

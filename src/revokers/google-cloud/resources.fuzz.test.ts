import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../../test/fuzz/property.ts';
import { accountResource, getPolicy, isReadable, parseResource, projectNumberIn, setPolicy, testPermissions, withProjectId } from './resources.ts';

const piece = fc.constantFrom(
  'projects', 'folders', 'organizations', 'acme', '42', '_', 'buckets', 'secrets', 's', 'serviceAccounts', 'bot@acme.iam.gserviceaccount.com', 'bot@other.iam.gserviceaccount.com', '..', '.', '', 'a..b', '%2f', '%2e%2e', 'a%00', 'a b', '?x', '#', 'é', '😀',
  '\n', '\u202e', '{{ .x }}', '${x}', ':setIamPolicy', 'a:getIamPolicy', '*', 'x'.repeat(600), '__proto__',
);
const root = fc.constantFrom('', '', '//storage.googleapis.com', '//iam.googleapis.com', '//secretmanager.googleapis.com', '//cloudresourcemanager.googleapis.com', '//spanner.googleapis.com', '//bigquery.googleapis.com', '//evil.example.com', '//storage.googleapis.com.evil.example', '//evil.example/x.googleapis.com', 'https://storage.googleapis.com', '//__proto__.googleapis.com');
const texts = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(root, fc.array(piece, { minLength: 1, maxLength: 5 })).map(([first, pieces]) => [...(first === '' ? [] : [first]), ...pieces].join('/')) },
  { weight: 2, arbitrary: fc.constantFrom('projects/acme', 'folders/42', '//storage.googleapis.com/b', '//storage.googleapis.com/projects/_/buckets/b', '//secretmanager.googleapis.com/projects/42/secrets/s', '//iam.googleapis.com/projects/acme/serviceAccounts/bot@acme.iam.gserviceaccount.com', '//iam.googleapis.com/projects/acme/serviceAccounts/bot@other.iam.gserviceaccount.com', '//constructor.googleapis.com/projects/acme/things/t') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
);

describe('any text in the place of a resource', () => {
  it('is asked for by a path of whole segments of its own service, or not at all', () => {
    holds(
      fc.property(texts, (text) => {
        const resource = parseResource(text);
        if ((resource !== undefined) !== isReadable(text)) throw new Error('it is read, and is not');
        if (resource === undefined) return;
        const { service, path, name } = resource;
        if (!/^[a-z][-a-z0-9]*$/.test(service) || (text.startsWith('//') && !text.startsWith(`//${service}.googleapis.com/`))) throw new Error(`of ${service}`);
        for (const each of path) if (typeof each !== 'string' || each === '' || each === '.' || each.includes('..') || /[/\s?#\u0000-\u001f]/.test(each)) throw new Error(`${JSON.stringify(each)} of ${name}`);
        // The account that a path names is the one that was named, in its own project.
        if (path.includes('serviceAccounts') && service === 'iam' && path.at(-1) === 'bot@other.iam.gserviceaccount.com' && !path.includes('other') && !path.some((each) => /^\d+$/.test(each))) throw new Error('of another project');
      }),
      800,
    );
  });

  it('has one name that leads to the same, whatever it was named by', () => {
    holds(
      fc.property(texts, (text) => {
        const resource = parseResource(text);
        if (resource !== undefined) expect(parseResource(resource.name)).toEqual(resource);
      }),
      800,
    );
  });

  it('is read without a change, and written and tried at the same place', () => {
    holds(
      fc.property(texts, (text) => {
        const resource = parseResource(text);
        if (resource === undefined) return;
        const read = getPolicy(resource);
        if (read.verb !== undefined && read.verb !== 'getIamPolicy') throw new Error(read.verb);
        if (read.method !== 'GET' && read.verb === undefined) throw new Error('it is written to');
        for (const other of [setPolicy(resource, {}), ...testPermissions(resource, ['a', 'b'])]) {
          expect(other.service).toBe(read.service);
          expect(other.path.slice(0, read.path.length)).toEqual(read.path);
        }
      }),
      400,
    );
  });

  it('has the number of its project in one place alone, which its id takes whole', () => {
    const ids = fc.constantFrom('acme', 'example.com:acme', '$&', '$1', '$`');
    holds(
      fc.property(texts, ids, (text, id) => {
        const number = projectNumberIn(text);
        if (number === undefined) return withProjectId(text, id) === text;
        const changed = withProjectId(text, id);
        const [before = '', ...rest] = text.split(`projects/${number}`);
        return /^\d+$/.test(number) && changed === `${before}projects/${id}${rest.join(`projects/${number}`)}`;
      }),
      400,
    );
  });

  it('the policy of an account is where its name leads', () => {
    holds(fc.property(fc.stringMatching(/^[a-z][-a-z0-9]{0,20}[a-z]$/), fc.integer({ min: 1, max: 1e9 }), (project, id) => {
      const resource = accountResource(project, String(id));
      expect(parseResource(resource.name)).toEqual(resource);
    }));
  });
});

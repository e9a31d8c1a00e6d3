import fc from 'fast-check';
import { describe, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import type { Grant, VaultDependency } from '../api/v1alpha1/index.ts';
import { coversAccount, coversResource } from './google-cloud/grants.ts';
import { grantsFor } from './grants.ts';
import { coverCertificate, covers } from './vault/grants.ts';

const grant = (given: Omit<Grant, 'namespaces'>): Grant => ({ namespaces: { names: ['ci'] }, ...given });
const vaultOf = (vault: NonNullable<Grant['vault']>): Grant => grant({ vault });
const named = (given: Partial<VaultDependency>): VaultDependency => ({ connectorRef: { name: 'vault' }, ...given });

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,3})?$/);
const pathOf = (least: number): fc.Arbitrary<string> => fc.array(word, { minLength: least, maxLength: 3 }).map((all) => all.join('/'));

/** A pattern that is made of a path, with stars for parts of its segments. */
const patternOf = (path: string): fc.Arbitrary<string> =>
  fc.tuple(...path.split('/').map((segment) => fc.tuple(fc.nat({ max: segment.length }), fc.nat({ max: segment.length }), fc.boolean()).map(([one, other, isPlain]) => (isPlain ? segment : `${segment.slice(0, Math.min(one, other))}*${segment.slice(Math.max(one, other))}`)))).map((all) => all.join('/'));

const pathAndPattern = (least: number): fc.Arbitrary<readonly [string, string]> => pathOf(least).chain((path) => fc.tuple(fc.constant(path), patternOf(path)));

/** The same path in words that a server may read as another, and one that is longer or shorter. */
const outside = (path: string): fc.Arbitrary<string> =>
  fc.tuple(fc.nat({ max: path.length }), fc.constantFrom('..', '%2f', '%', '//', '/../', '/./', ' ', '\u0000', '\n', '?', '#', ';', '\\', 'é', '*', '＊', '+', '/x')).map(([at, what]) => `${path.slice(0, at)}${what}${path.slice(at)}`);

const isLonger = (one: string, other: string): boolean => one.split('/').length !== other.split('/').length;

describe('what a Connector grants of a Vault', () => {
  it('covers all that is within its patterns', () => {
    holds(
      fc.property(pathAndPattern(1), pathAndPattern(2), ([name, pattern], [prefix, prefixes]) => {
        const [role = '', roles = ''] = [name.split('/')[0], pattern.split('/')[0]];
        if (!covers(vaultOf({ authRoles: [roles] }), named({ roles: [role] }))) throw new Error(`${roles} does not cover the role ${role}`);
        if (!covers(vaultOf({ leasePrefixes: ['x', prefixes] }), named({ leases: [{ prefix }] }))) throw new Error(`${prefixes} does not cover the leases ${prefix}`);
        const mount = prefix.slice(0, prefix.lastIndexOf('/'));
        const last = prefix.slice(prefix.lastIndexOf('/') + 1);
        if (!covers(vaultOf({ appRoles: [prefixes] }), named({ appRoles: [{ mount, name: last }] }))) throw new Error(`${prefixes} does not cover the AppRole ${prefix}`);
        if (!coverCertificate([vaultOf({ certificates: [prefixes] })], mount, last)) throw new Error(`${prefixes} does not cover the certificate ${prefix}`);
      }),
      400,
    );
  });

  it('covers nothing that has other segments, or that could be read as another path', () => {
    const cases = pathAndPattern(2).chain(([path, pattern]) => fc.tuple(fc.constant(path), fc.constant(pattern), outside(path)));
    holds(
      fc.property(cases, ([path, pattern, other]) => {
        if (!isLonger(path, other) && /^[a-z0-9/-]*$/.test(other)) return;
        const slash = other.lastIndexOf('/');
        const patterns = [pattern, pattern.replace(/[^/]+/g, '*')];
        for (const each of patterns) {
          if (covers(vaultOf({ leasePrefixes: [each] }), named({ leases: [{ prefix: other }] }))) throw new Error(`${each} covers the leases ${other}`);
          if (covers(vaultOf({ authRoles: [each] }), named({ roles: [other] }))) throw new Error(`${each} covers the role ${other}`);
          if (covers(vaultOf({ appRoles: [each] }), named({ appRoles: [{ mount: other.slice(0, slash), name: other.slice(slash + 1) }] }))) throw new Error(`${each} covers the AppRole ${other}`);
          if (coverCertificate([vaultOf({ certificates: [each] })], other.slice(0, slash), other.slice(slash + 1))) throw new Error(`${each} covers the certificate ${other}`);
        }
      }),
      600,
    );
  });

  it('covers no name by what is a mount there, wherever the border between the two is put', () => {
    holds(
      fc.property(pathAndPattern(3), ([path, pattern]) => {
        const at = path.indexOf('/');
        const [mount, name] = [path.slice(0, at), path.slice(at + 1)];
        if (covers(vaultOf({ appRoles: [pattern] }), named({ appRoles: [{ mount, name }] }))) throw new Error(`${pattern} covers ${name} of ${mount}`);
        if (coverCertificate([vaultOf({ certificates: [pattern] })], mount, name)) throw new Error(`${pattern} covers the certificate ${name} of ${mount}`);
      }),
    );
  });

  it('covers a dependency whole or not at all', () => {
    const roles = fc.uniqueArray(word, { minLength: 1, maxLength: 4 });
    holds(fc.property(roles, roles, (granted, asked) => covers(vaultOf({ authRoles: granted }), named({ roles: asked })) === asked.every((role) => granted.includes(role))));
  });
});

describe('whom a Connector grants anything', () => {
  const keys = fc.constantFrom('team', 'tier', 'toString', '__proto__');
  const labels = fc.array(fc.tuple(keys, fc.constantFrom('a', 'b')), { maxLength: 3 }).map((all) => Object.fromEntries(all));
  const grants = fc.array(fc.oneof(fc.subarray(['ci', 'ops', 'ci-2']).map((names) => ({ names })), labels.map((matchLabels) => ({ selector: { matchLabels } }))), { maxLength: 4 }).map((all) => all.map((namespaces): Grant => ({ namespaces })));

  it('is a namespace that is named, or has each of the labels, of which there are some', () => {
    holds(
      fc.property(grants, fc.constantFrom('ci', 'ops', 'c', 'CI', '*', ''), fc.option(labels, { nil: undefined }), (all, name, its) => {
        const given = grantsFor(all, { name, labels: its }, () => true);
        for (const each of all) {
          const { names, selector } = each.namespaces;
          const wanted = Object.entries(selector?.matchLabels ?? {});
          const isIts = names === undefined ? wanted.length > 0 && wanted.every(([key, value]) => its !== undefined && Object.entries(its).some(([has, what]) => has === key && what === value)) : names.includes(name);
          if (given.includes(each) !== isIts) throw new Error(JSON.stringify(each));
        }
      }),
      400,
    );
  });

  it('needs one grant that covers all, and is not put together of two', () => {
    const inTwo = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 2 });
    holds(
      fc.property(inTwo, fc.nat(), (roles, pick) => {
        const at = 1 + (pick % (roles.length - 1));
        const of = (authRoles: readonly string[]): readonly Grant[] => [vaultOf({ authRoles })];
        const given = (all: readonly Grant[]): number => grantsFor(all, { name: 'ci', labels: undefined }, (each) => covers(each, named({ roles }))).length;
        return given([...of(roles.slice(0, at)), ...of(roles.slice(at))]) === 0 && given([...of(roles.slice(at)), ...of(roles)]) === 1;
      }),
    );
  });
});

describe('what a Connector grants of Google Cloud', () => {
  const project = fc.stringMatching(/^[a-z][a-z0-9]{1,5}(-[a-z0-9]{1,4})?$/);
  const formsOf = (id: string): readonly string[] => [`projects/${id}`, `//cloudresourcemanager.googleapis.com/projects/${id}`, `//secretmanager.googleapis.com/projects/${id}/secrets/s`, `//iam.googleapis.com/projects/${id}/serviceAccounts/108`];

  it('covers a project that is within its patterns, and what lies in it', () => {
    holds(fc.property(project.chain((id) => fc.tuple(fc.constant(id), patternOf(id))), ([id, pattern]) => formsOf(id).every((name) => coversResource(grant({ googleCloud: { projects: [pattern] } }), name))), 300);
  });

  it('covers no other, nor one in words that could be read as another', () => {
    const cases = project.chain((id) => fc.tuple(fc.constant(id), patternOf(id), project, outside(`//secretmanager.googleapis.com/projects/${id}/secrets/s`)));
    holds(
      fc.property(cases, fc.integer({ min: 1, max: 1e9 }), ([id, pattern, other, hostile], number) => {
        const granted = grant({ googleCloud: { projects: [pattern] } });
        const [before = '', after = ''] = pattern.split('*');
        const isWithin = (text: string): boolean => (pattern.includes('*') ? text.startsWith(before) && text.endsWith(after) && text.length >= before.length + after.length : text === pattern);
        for (const name of formsOf(other)) if (coversResource(granted, name) !== isWithin(other)) throw new Error(`${pattern} and ${name}`);
        // Nobody here knows which number is whose.
        for (const name of formsOf(String(number))) if (coversResource(granted, name)) throw new Error(`${pattern} covers ${name}`);
        const isPlain = /^\/\/[A-Za-z0-9_.@:-]+(?:\/[A-Za-z0-9_.@:-]+)+$/.test(hostile) && !hostile.includes('..');
        if (coversResource(granted, hostile) && (!isPlain || !isWithin(hostile.split('/')[4] ?? ''))) throw new Error(`${pattern} covers ${hostile}`);
        for (const name of [`projects/${id}/secrets/s`, `//projects/${id}`, `/projects/${id}`, `folders/${id}`, `organizations/${id}`, 'projects/-', '//iam.googleapis.com/projects/-/serviceAccounts/1', id, '']) if (coversResource(granted, name)) throw new Error(`${pattern} covers ${name}`);
      }),
      400,
    );
  });

  it('covers an account by its whole e-mail, and no other', () => {
    const parts = fc.tuple(word, project);
    const hostiles = fc.constantFrom(' ', '@', '%40', '/', '..', '\n', 'é', 'A', '*', '.');
    holds(
      fc.property(parts, word, hostiles, fc.nat({ max: 30 }), ([name, id], other, what, at) => {
        const email = `${name}@${id}.iam.gserviceaccount.com`;
        const granted = (pattern: string): Grant => grant({ googleCloud: { serviceAccounts: [pattern] } });
        if (!coversAccount(granted(email), email) || !coversAccount(granted(`*@${id}.iam.gserviceaccount.com`), email) || !coversAccount(granted(`${name.slice(0, 1)}*@${id}.iam.gserviceaccount.com`), email)) throw new Error(`${email} is not covered`);
        if (other !== name && coversAccount(granted(`${other}@${id}.iam.gserviceaccount.com`), email)) throw new Error(`${other} covers ${email}`);
        const misled = `${email.slice(0, at)}${what}${email.slice(at)}`;
        if (what !== '.' && coversAccount(granted(`*@${id}.iam.gserviceaccount.com`), misled)) throw new Error(`covers ${misled}`);
        if (coversAccount(granted(`*@${id}.iam.gserviceaccount.com`), `${email}.example.com`) || coversAccount(granted('*'), email)) throw new Error('covers any');
      }),
      300,
    );
  });
});

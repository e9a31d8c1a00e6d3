/**
 * What is in a bundle that is not ours: which packages, in which versions, under which licences, with the hash that npm was held to. Which
 * they are esbuild says, by the bytes that it took of each; the rest is in package-lock.json. The same sources give the same bytes.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { ComponentType, HashAlgorithm } from '@cyclonedx/cyclonedx-library/Enums';
import { Bom, Component, LicenseRepository, Metadata, SpdxLicense, Tools } from '@cyclonedx/cyclonedx-library/Models';
import { JSON as Json, JsonSerializer } from '@cyclonedx/cyclonedx-library/Serialize';
import { isSupportedSpdxId } from '@cyclonedx/cyclonedx-library/SPDX';
import { Spec1dot6 } from '@cyclonedx/cyclonedx-library/Spec';
import type { Metafile } from 'esbuild';

/** A package as package-lock.json has it. */
export interface Package {
  /** Its folder, such as `node_modules/a/node_modules/b`: the same package may be there in two versions. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** An SPDX identifier. */
  readonly license: string;
  /** Of the archive that npm unpacked: `sha512-` and base64. */
  readonly integrity: string;
  /** The folders of those that it imports, as far as they are in the bundle. */
  readonly imports: readonly string[];
}

/** What is shipped together. */
export interface Product {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly packages: readonly Package[];
  /** What made it; it is not in it. */
  readonly esbuild: string;
  /** Left out unless the build was told one: the same sources are to give the same bytes. */
  readonly timestamp: Date | undefined;
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly license?: string; readonly integrity?: string } | undefined>>;
}

const folderOf = (input: string): string | undefined => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];

/** Those of which a byte is in the bundle, in the order of their folders. */
export const packagesIn = (metafiles: readonly Metafile[], lock: Lock): readonly Package[] => {
  const taken = metafiles.flatMap(({ outputs }) => Object.values(outputs)).flatMap(({ inputs }) => Object.entries(inputs));
  const folders = new Set(taken.flatMap(([input, { bytesInOutput }]) => (bytesInOutput > 0 ? [folderOf(input) ?? []].flat() : [])));
  return [...folders].sort().map((path) => {
    const { version, license, integrity } = lock.packages[path] ?? {};
    if (version === undefined || license === undefined || integrity === undefined) {
      throw new Error(`package-lock.json has no version, licence or integrity of ${path}, which is in the bundle`);
    }
    const imported = metafiles
      .flatMap(({ inputs }) => Object.entries(inputs))
      .filter(([input]) => folderOf(input) === path)
      .flatMap(([, { imports }]) => imports.map((each) => folderOf(each.path)));
    const imports = [...folders].sort().filter((folder) => folder !== path && imported.includes(folder));
    return { path, name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length), version, license, integrity, imports };
  });
};

/** CycloneDX 1.6. What Node brings, and what the base of an image holds, is not in it. */
export const billOfMaterials = ({ name, version, license, files, packages, esbuild, timestamp }: Product): string => {
  const components = new Map(packages.map((each) => [each.path, componentOf(each)]));
  for (const { path, imports } of packages) {
    for (const imported of imports) {
      const component = components.get(imported);
      if (component !== undefined) components.get(path)?.dependencies.add(component.bomRef);
    }
  }
  const product = new Component(ComponentType.Application, name, { bomRef: name, version, licenses: licensesOf(name, license) });
  for (const { bomRef } of components.values()) product.dependencies.add(bomRef);
  for (const file of files) {
    const part = new Component(ComponentType.File, file.name, { bomRef: `${name}/${file.name}` });
    part.hashes.set(HashAlgorithm['SHA-256'], createHash('sha256').update(file.text).digest('hex'));
    product.components.add(part);
  }
  const tools = new Tools();
  tools.components.add(new Component(ComponentType.Application, 'esbuild', { version: esbuild }));
  const metadata = new Metadata({ component: product, tools, timestamp });
  const bom = new Bom({ metadata });
  for (const component of components.values()) bom.components.add(component);
  return `${new JsonSerializer(new Json.Normalize.Factory(Spec1dot6)).serialize(bom, { sortLists: true, space: 2 })}\n`;
};

const componentOf = ({ path, name, version, license, integrity }: Package): Component => {
  const component = new Component(ComponentType.Library, name, {
    bomRef: path,
    version,
    licenses: licensesOf(name, license),
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
  });
  if (!integrity.startsWith('sha512-')) throw new Error(`the integrity of ${name} is no SHA-512: ${integrity}`);
  component.hashes.set(HashAlgorithm['SHA-512'], Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex'));
  return component;
};

/** A licence that is no plain SPDX identifier is for a person to read before it is shipped. */
const licensesOf = (name: string, license: string): LicenseRepository => {
  const known: boolean = isSupportedSpdxId(license);
  if (!known) throw new Error(`the licence of ${name}, ${license}, is not one of SPDX: see what it asks for`);
  return new LicenseRepository([new SpdxLicense(license)]);
};

const rule = '-'.repeat(80);

/** Their licences and notices, word for word, which is what nearly all of them ask for. `checkout` ends with a slash. */
export const notices = ({ name, packages }: Product, checkout: string): string =>
  [
    `${name} contains the following packages from npm, under their own licences.\n`,
    ...packages.map((each) => `${rule}\n${each.name} ${each.version} (${each.license})\n${rule}\n\n${textsOf(each, checkout).join('\n\n')}\n`),
  ].join('\n');

const textsOf = ({ path, name, license }: Package, checkout: string): readonly string[] => {
  const files = readdirSync(checkout + path).filter((file) => /^(licen[cs]e|copying|notice)\b/i.test(file)).sort();
  if (files.length > 0) return files.map((file) => readFileSync(`${checkout}${path}/${file}`, 'utf8').replaceAll('\r\n', '\n').trim());
  // The text of this one names nobody, and is beside this file.
  if (license === 'Apache-2.0') return ['Its package has no file with the licence. The text of the Apache License 2.0 is in the file LICENSE.'];
  throw new Error(`${name} has no file with its licence, ${license}, which has to be shipped with it`);
};

/** Whether a caller may do a thing to a resource now: by its policy and those of all that it lies in. */
import { type Answer, denied } from './answers.ts';
import { holds } from './conditions.ts';
import type { Knobs } from './knobs.ts';
import { means, type Principal } from './members.ts';
import { allows } from './roles.ts';
import { type Binding, canonicalName, findResource, lineage, type World } from './world.ts';

export interface Question {
  readonly caller: Principal | undefined;
  readonly permission: string;
  /** By any of its names; one that does not exist is judged by the project in which it would be. */
  readonly resource: string;
  /** The name that conditions compare, where it is another. */
  readonly conditionName?: string;
}

export type Authorise = (question: Question) => boolean;

export const createAuthorise =
  (world: World, knobs: Pick<Knobs, 'settings'>): Authorise =>
  ({ caller, permission, resource, conditionName }) => {
    const { propagation } = knobs.settings;
    const gives = ({ role, members, condition }: Binding): boolean =>
      allows(world, role, permission) &&
      members.some((member) => means(world, member, caller)) &&
      (condition === undefined || holds(condition, { time: world.nature.now(), resource: conditionName ?? resource.replace(/^\/\/[^/]+\//, '') }));
    // What was granted until just now still passes, for as long as changes take to be felt.
    return around(world, resource).some(({ policy }) => policy.within(propagation).some(({ bindings }) => bindings.some(gives)));
  };

/** Nothing when allowed, else the refusal, which is the same for what does not exist. */
export const refusal = (authorise: Authorise, question: Question): Answer | undefined => (authorise(question) ? undefined : denied(question.permission, question.resource));

const around = (world: World, name: string): ReturnType<typeof lineage> => {
  const resource = findResource(world, name);
  if (resource !== undefined) return lineage(world, resource);
  const project = /projects\/[^/]+/.exec(canonicalName(world, name))?.[0];
  const parent = project === undefined ? undefined : findResource(world, project);
  return parent === undefined ? [] : lineage(world, parent);
};

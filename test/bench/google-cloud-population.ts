/** Identities that all have a role in one project's policy, which is as full as Google lets it be, beside others who are to keep theirs. */
import type { GoogleCloud, ShownPolicy } from '../env/google-cloud.ts';
import type { Agent, Project } from '../integration/google-cloud-agents.ts';
import { inParallel } from './api.ts';

export interface Crowd {
  readonly project: Project;
  readonly agents: readonly Agent[];
  /** Throws unless what others have in the project's policy is as it was, byte for byte, and nothing else is there. */
  readonly expectOthersAsTheyWere: () => Promise<void>;
}

/** Members of one policy, by Google's quota. */
const mostMembers = 1_500;
/** The operator's own account is one of them. */
export const othersCount = 500;
export const mostIdentities = mostMembers - othersCount;

/** Calls at once that furnish the fake. */
const furnishers = 16;

/** Every one a binding of its own, with a condition, in which identities and others are side by side. */
const places = ['roles/viewer', 'roles/browser', 'roles/storage.objectViewer', 'roles/secretmanager.secretAccessor', 'roles/cloudkms.cryptoKeyEncrypterDecrypter'].flatMap((role) =>
  [2098, 2099].map((year) => ({ role, condition: { title: `until ${String(year)}`, expression: `request.time < timestamp("${String(year)}-01-01T00:00:00Z")` } })),
);

export const populate = async (google: GoogleCloud, project: Project, count: number): Promise<Crowd> => {
  const agents: Agent[] = [];
  await inParallel([...Array(count).keys()], furnishers, async (index) => {
    agents.push(await project.addAgent(`busy-${String(index)}`));
  });
  const others = Array.from({ length: othersCount - 1 }, (_, index) => `user:person-${String(index)}@example.com`);
  const inPlace = (members: readonly string[], place: number): readonly string[] => members.filter((_, index) => index % places.length === place);
  // Alternating, so that what is taken out lies between what stays.
  const mixed = (place: number): readonly string[] => {
    const mine = inPlace(agents.map(({ byEmail }) => byEmail), place);
    const theirs = inPlace(others, place);
    return Array.from({ length: Math.max(mine.length, theirs.length) }, (_, index) => [mine[index], theirs[index]]).flat().filter((member) => member !== undefined);
  };
  const { bindings: before = [] } = await google.policy(project.name);
  await google.writePolicy(project.name, { bindings: [...before, ...places.map((place, index) => ({ ...place, members: mixed(index) }))] });
  const mine = new Set(agents.map(({ byEmail }) => byEmail));
  const kept = JSON.stringify(without(await google.policy(project.name), mine));
  return {
    project,
    agents,
    expectOthersAsTheyWere: async () => {
      const { bindings = [] } = await google.policy(project.name);
      if (JSON.stringify(bindings) !== kept) throw new Error(`what others have in the policy of ${project.name} is not what it was`);
    },
  };
};

const without = ({ bindings = [] }: ShownPolicy, mine: ReadonlySet<string>): Required<ShownPolicy>['bindings'] =>
  bindings.map((binding) => ({ ...binding, members: binding.members.filter((member) => !mine.has(member)) })).filter(({ members }) => members.length > 0);

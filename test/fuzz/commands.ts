/** What is done to a real thing and to the model of it, side by side. A list of these is made smaller like any other input. */
import fc from 'fast-check';

export const command = <Model extends object, Real>(name: string, run: (model: Model, real: Real) => void | Promise<void>, isPossible: (model: Readonly<Model>) => boolean = () => true): fc.AsyncCommand<Model, Real> => ({
  check: isPossible,
  run: async (model, real) => {
    await run(model, real);
  },
  toString: () => name,
});

/** Does those that are possible, one after another. */
export const inOrder = <Model extends object, Real>(commands: readonly fc.AsyncCommand<Model, Real>[], model: Model, real: Real): Promise<void> => fc.asyncModelRun(() => ({ model, real }), commands);

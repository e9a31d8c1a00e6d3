/** One way in that the demo tries: it is really used, and whoever lets it in or not says so in words of their own. */
export interface Way {
  readonly name: string;
  readonly request: string;
  readonly attempt: () => Promise<string>;
}

/** What an API answers whoever it lets in, and what a database session does. */
export const letIn = (answer: string): boolean => answer === '200' || answer === 'ok';

/** `metav1.MicroTime`: RFC 3339 in UTC with exactly six digits of a second, or the API server refuses it. */
export const toMicroTime = (date: Date): string => date.toISOString().replace('Z', '000Z');

/** Undefined when `text` is no time. What is finer than a millisecond is dropped. */
export const fromMicroTime = (text: string | null | undefined): Date | undefined => {
  const ms = typeof text === 'string' ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? undefined : new Date(ms);
};

/** What Google said, read without believing its shape. */
import { redactText } from '../../runtime/redact.ts';
import { fieldOf, textOf } from '../fields.ts';

/** Google's own words about what did not work: of its APIs, or of a token endpoint (RFC 6749, section 5.2). */
const wordsOf = (body: unknown): string => {
  const error = fieldOf(body, 'error');
  const words = typeof error === 'string' ? [error, textOf(body, 'error_description')] : [textOf(error, 'status'), textOf(error, 'message')];
  return words.filter((each) => each !== undefined && each !== '').join(': ');
};

/** On one line, without secrets. */
export const describeAnswer = ({ status, body }: { readonly status: number; readonly body: unknown }): string => {
  const words = wordsOf(body);
  return redactText(`Google answered ${String(status)}${words === '' ? '' : `: ${words}`}`);
};

/** Facts that go with a log line: values that JSON can carry, or errors. Never credentials. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where things are said. Messages are constant sentences; what varies goes into the fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

/** The first seed, from 1 on, with which each mutant was seen when all were measured: where a short hunt begins. */
export const seen: Readonly<Record<string, number>> = {
};

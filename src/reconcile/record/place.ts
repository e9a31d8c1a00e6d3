/** Places in the chain of records: ten digits without gaps, so that their order as text is their order. Chunks have other names. */

export const firstPlace = '0000000001';

export const isPlace = (name: string): boolean => /^\d{10}$/.test(name);

export const placeAfter = (name: string): string => String(Number(name) + 1).padStart(firstPlace.length, '0');

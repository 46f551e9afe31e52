// A seat plan and the states of its seats, as the API sends them; the format is described in
// concerts/services/seat_plan_document.py.

export const FREE = 0;
export const HELD = 1;

export function readPlan({ version, sections, rows, runs, offers, labels }) {
  const seats = [];
  const found = sections.map(({ name }) => ({ name, seats: [] }));
  runs.row.forEach((row, run) => {
    const section = found[rows.section[row]];
    for (let k = 0; k < runs.seats[run]; k += 1) {
      const index = seats.length;
      const place = runs.seat_in_row[run] + k * runs.step[run];
      const seat = {
        index,
        number: runs.number[run] + k,
        section,
        row: rows.name[row],
        place,
        offer: offers[runs.offer[run]],
        label: labels[index] ?? `${section.name} ${rows.name[row]}-${place}`.trim(),
      };
      seats.push(seat);
      section.seats.push(seat);
    }
  });
  const byNumber = new Map(seats.map((seat) => [seat.number, seat]));
  return { version, seats, byNumber, sections: found };
}

// The state of each seat, from two bits each.
export function readStates(text, count) {
  const packed = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const stateAt = (_, index) => (packed.charCodeAt(index >> 2) >> (2 * (index & 3))) & 3;
  return Uint8Array.from({ length: count }, stateAt);
}

// The seats of a section as they are arranged in the hall: blocks of similar rows. A row contains
// all its seats by their number in the row, at any price. Its block is that of the offer (grade and
// price) of most of its seats.
export function blocksOf(seats) {
  const rows = new Map();
  for (const seat of seats) {
    if (!rows.has(seat.row)) {
      rows.set(seat.row, []);
    }
    rows.get(seat.row).push(seat);
  }
  const blocks = [];
  let usual = null;
  for (const [name, line] of rows) {
    const inOrder = line.sort((one, other) => one.place - other.place);
    const [offer] = offersOf(inOrder);
    if (offer !== usual) {
      blocks.push({ rows: [] });
      usual = offer;
    }
    blocks.at(-1).rows.push({ name, seats: inOrder });
  }
  for (const block of blocks) {
    block.offers = offersOf(block.rows.flatMap((row) => row.seats));
  }
  return blocks;
}

// Each offer among the seats, the most frequent one first.
export function offersOf(seats) {
  const counts = new Map();
  for (const { offer } of seats) {
    counts.set(offer, (counts.get(offer) ?? 0) + 1);
  }
  return [...counts].sort((one, other) => other[1] - one[1]).map(([offer]) => offer);
}

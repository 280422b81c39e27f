/**
 * Compiles a pattern in which `*` stands for any run of characters, also an empty one; all others stand for themselves. There
 * is no escape. Its time is linear in the text, whatever the pattern: it looks for each piece between two `*` once.
 *
 * @returns whether a whole text fits
 */
export function glob(pattern: string): (text: string) => boolean {
  const pieces = pattern.split('*')
  const [start = ''] = pieces
  if (pieces.length === 1) return (text) => text === pattern
  const end = pieces.at(-1) ?? ''
  const middle = pieces.slice(1, -1).filter((piece) => piece !== '')
  const shortest = start.length + end.length
  if (middle.length === 0) {
    return (text) => text.length >= shortest && text.startsWith(start) && text.endsWith(end)
  }
  return (text) => {
    if (text.length < shortest || !text.startsWith(start) || !text.endsWith(end)) return false
    const last = text.length - end.length
    let from = start.length
    for (const piece of middle) {
      const found = text.indexOf(piece, from)
      if (found === -1 || found + piece.length > last) return false
      from = found + piece.length
    }
    return true
  }
}

/** Whether a text is a pattern that more than one text fits. */
export function isGlob(text: string): boolean {
  return text.includes('*')
}

/** Splits the text of a valid JSON array into the texts of its items, as they were written. */
export function splitArray(text: string): string[] {
  const items: string[] = []
  let depth = 0
  let start = 0
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case 0x22: // "
        for (index++; text.charCodeAt(index) !== 0x22; index++) if (text.charCodeAt(index) === 0x5c) index++
        break
      case 0x5b: // [
      case 0x7b: // {
        if (++depth === 1) start = index + 1
        break
      case 0x2c: // ,
        if (depth !== 1) break
        items.push(text.slice(start, index).trim())
        start = index + 1
        break
      case 0x5d: // ]
      case 0x7d: // }
        if (--depth === 0) items.push(text.slice(start, index).trim())
        break
    }
  }
  return items
}

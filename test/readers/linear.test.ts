import { expect, test } from 'vitest'
import { growth, isLinear } from './linear.js'
import { others, readers } from './table.js'

/** What texts are made of: every separator that a format of ours has, what is escaped, and plain letters. */
const separators = [
  ...['\n', '\r', '\r\n', ' ', '\t', ',', ', ', ';', '=', '"', "'", '\\', '\\"', '/', '.', ':', '::', '://', '-', '_'],
  ...['+', '%', '%2e', '&', '?', '#', '@', '*', '[', ']', '{', '}', '{"":1,', '"":1,"a":1,', '<', '\u0010', '\u0000'],
  ...['data:\r', 'data\n', 'id:\r', '\u00e9', '\ud83d\ude00', '\ud800', '1', ''],
]
const largest = 65_536

/** Each separator alone with an end that no format expects, so that readers look back; and between letters. */
const fillings = separators.flatMap((separator): [string, string][] => [
  [separator, '!'],
  [`${separator}a`, ''],
])

test('a reader that looks back from each byte is found, one that does not is not', async () => {
  const spaces = (size: number) => `${' '.repeat(size)}!`
  expect(isLinear(await growth(spaces, (text) => /\s+$/.test(text), largest))).toBe(false)
  expect(isLinear(await growth(spaces, (text) => text.trimEnd(), largest))).toBe(true)
  // As the lines of an event were cut that end in CR alone: each looks for an LF up to the end
  const cut = (text: string) => {
    let feeds = 0
    for (let start = 0; start < text.length; start++) if (text.indexOf('\n', start) !== -1) feeds++
    return feeds
  }
  expect(isLinear(await growth((size) => '\r'.repeat(size), cut, 4 * largest))).toBe(false)
})

test('a reader is measured, or has a reason not to be', () => {
  expect(Object.keys(others).filter((name) => name in readers)).toEqual([])
})

test.each(Object.entries(readers))(
  '%s takes at most twice as long for twice the input, whatever separates it [finding 9]',
  async (_name, { read, around = [['', '']] }) => {
    const slow: string[] = []
    for (const [before, after] of around) {
      for (const [unit, end] of fillings) {
        if (unit === '') continue
        const make = (size: number) => before + unit.repeat(Math.ceil(size / unit.length)) + end + after
        const measured = await growth(make, read, largest)
        if (!isLinear(measured))
          slow.push(`${JSON.stringify([before, unit, end + after])}: ${JSON.stringify(measured)}`)
      }
    }
    expect(slow).toEqual([])
  },
)

/**
 * Splits a command line into a program and its arguments, as a shell would with quotes and backslashes, and does
 * nothing else that a shell does: no variables, no patterns, no operators. A backslash counts only before a quote, a
 * backslash or white space, so that `C:\tools\server.exe` stays what it is.
 *
 * @returns `undefined` for an empty line and for a quote that is never closed
 */
export function splitCommand(line: string): [string, ...string[]] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let index = 0; index < line.length; index += 1) {
    const character = line.charAt(index)
    if (quote !== "'" && character === '\\' && /["'\\\s]/.test(line.charAt(index + 1))) {
      index += 1
      word = (word ?? '') + line.charAt(index)
    } else if (quote) {
      if (character === quote) quote = ''
      else word = (word ?? '') + character
    } else if (character === '"' || character === "'") {
      quote = character
      word ??= ''
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + character
  }
  if (word !== undefined) words.push(word)
  const [program, ...args] = words
  return quote || !program ? undefined : [program, ...args]
}

/** A number of bytes that several readers share. */
export interface ByteBudget {
  /** Takes so many bytes; `false` when there are not so many left, and nothing is taken. */
  take(bytes: number): boolean
  giveBack(bytes: number): void
}

/** @param bytes how many there are */
export function byteBudget(bytes: number): ByteBudget {
  let left = bytes
  return {
    take(wanted) {
      if (wanted > left) return false
      left -= wanted
      return true
    },
    giveBack(unused) {
      left += unused
    },
  }
}

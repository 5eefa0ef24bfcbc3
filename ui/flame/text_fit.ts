/** Labels that fit: cut between letters, with an ellipsis, never within one. */

const ELLIPSIS = "…";

export class TextFit {
    private readonly widths = new Map<string, number>();

    constructor(private readonly context: CanvasRenderingContext2D) {}

    private letter(of: string): number {
        let width = this.widths.get(of);
        if (width === undefined) {
            width = this.context.measureText(of).width;
            this.widths.set(of, width);
        }
        return width;
    }

    /** As much of `text` as fits into `room` pixels; empty if not even three letters do. */
    fit(text: string, room: number): string {
        const least = this.letter("m") * 2;
        if (room < least) {
            return "";
        }
        const limit = room - this.letter(ELLIPSIS);
        let width = 0;
        let at = 0;
        let fitting = 0; // what leaves room for an ellipsis
        for (const letter of text) {
            width += this.letter(letter);
            if (width > room) {
                return fitting < 2 ? "" : text.slice(0, fitting) + ELLIPSIS;
            }
            at += letter.length;
            if (width <= limit) {
                fitting = at;
            }
        }
        return text;
    }
}

#include "base/sink.h"
#include "profile/model.h"
#include "view/count.h"
#include "view/flame.h"
#include "view/flame_parts.h"
#include "view/page.h"
#include "view/tree.h"
#include "view/view.h"

#define PICTURE_WIDTH 1200.0
#define DEPTH_MAX     1024 /* rows; what is deeper is not drawn */
#define TITLE_HEIGHT  30
#define ROW_HEIGHT    18
#define LEAST_WIDTH   0.34
#define LETTER_WIDTH  7.2 /* of the font, at most: so text never leaves its box */

/* A box's text, cut to what fits for certain. */
static void box_text(const struct view_tree *tree, const struct view_node *node, double x, double y,
                     double width, struct sink *out)
{
    struct slu_bytes label =
        node->depth == 0 ? (struct slu_bytes){"all", 3} : view_label(tree->view, node->entry);
    size_t room = width < 3 * LETTER_WIDTH ? 0 : (size_t)((width - 6) / LETTER_WIDTH);
    if (room == 0) {
        return;
    }
    const char *bytes = label.data;
    size_t len = label.len <= room ? label.len : room - 1;
    while (len > 0 && len < label.len && ((unsigned char)bytes[len] & 0xc0) == 0x80) {
        len--;
    }
    sink_format(out, "<text x=\"%.1f\" y=\"%.0f\">", x + 3, y + 13);
    page_text(out, (struct slu_bytes){bytes, len});
    sink_text(out, len < label.len ? "\u2026</text>" : "</text>");
}

static void box_write(const struct view_tree *tree, const struct flame_title *title,
                      const struct view_node *node, double x, double width, struct sink *out)
{
    double y = (double)node->depth * ROW_HEIGHT + TITLE_HEIGHT;
    const struct view_node *root = view_tree_at(tree, VIEW_TREE_ROOT);
    uint32_t hue = node->depth == 0 ? 7 : page_hue(flame_colour_name(tree, node->entry));
    sink_text(out, "<g><title>");
    page_text(out, node->depth == 0 ? (struct slu_bytes){"all", 3}
                                    : view_label(tree->view, node->entry));
    sink_text(out, "\n");
    view_unit_write(out, (double)node->total, &title->unit);
    sink_text(out, ", ");
    draw_number(out, view_percent(node->total, root->total), DRAW_PERCENT);
    sink_text(out, "; self ");
    view_unit_write(out, (double)node->self, &title->unit);
    sink_format(out,
                "</title><rect x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"%d\" fill=\"%s\"/>", x,
                y, width > 0.8 ? width - 0.5 : width, ROW_HEIGHT - 1, page_colours[hue]);
    box_text(tree, node, x, y, width, out);
    sink_text(out, "</g>\n");
}

/* Write each node that is wide enough, or with `out` NULL only see how deep they go. */
static uint32_t boxes_write(const struct view_tree *tree, const struct flame_title *title,
                            struct sink *out)
{
    double next[DEPTH_MAX + 2] = {0}; /* by depth, where the next box begins */
    uint64_t whole = flame_magnitude(view_tree_at(tree, VIEW_TREE_ROOT)->total);
    double scale = whole == 0 ? 0 : PICTURE_WIDTH / (double)whole;
    uint32_t deepest = 0;
    for (uint32_t i = VIEW_TREE_ROOT; i != VIEW_TREE_NONE;) {
        const struct view_node *node = view_tree_at(tree, i);
        double width = (double)flame_magnitude(node->total) * scale;
        double x = next[node->depth];
        bool is_drawn = width >= LEAST_WIDTH;
        next[node->depth] = x + width;
        next[node->depth + 1] = x;
        if (is_drawn) {
            deepest = node->depth > deepest ? node->depth : deepest;
            if (out != NULL) {
                box_write(tree, title, node, x, width, out);
            }
        }
        bool goes_down = is_drawn && node->depth < DEPTH_MAX;
        i = goes_down ? view_tree_next(tree, i) : view_tree_skip(tree, i);
    }
    return deepest;
}

void flame_write_svg(const struct view_tree *tree, const struct flame_title *title,
                     struct sink *out)
{
    uint32_t height = (boxes_write(tree, title, NULL) + 1) * ROW_HEIGHT + TITLE_HEIGHT + 4;
    sink_format(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %u\" "
                "width=\"%.0f\" height=\"%u\" font-family=\"monospace\" font-size=\"12\">\n"
                "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
                "<text x=\"4\" y=\"18\" font-size=\"14\">",
                PICTURE_WIDTH, height, PICTURE_WIDTH, height);
    page_text(out, (struct slu_bytes){title->title, __builtin_strlen(title->title)});
    sink_text(out, "</text>\n");
    (void)boxes_write(tree, title, out); /* its depth is known */
    sink_text(out, "</svg>\n");
}

// A hand-written accelerator. A pixel has two channels. The stream `mid` has their difference and their sum. The result
// of a frame of 12 pixels is the two totals, and the index of the larger one. A pixel is taken every third cycle.
// A frame's first pixel (-128, k) turns on fault k:
//   1  a wrong value in `mid`
//   2  a deadlock
//   3  a result that changes while it waits
//   4  no tlast
//   5  a result too many
module tiny (
    input aclk, input aresetn,
    input [15:0] s_axis_tdata, input s_axis_tvalid, output s_axis_tready, input s_axis_tlast,
    output [71:0] m_axis_tdata, output m_axis_tvalid, input m_axis_tready, output m_axis_tlast, output m_axis_tuser
);
    wire [17:0] mid__payload;
    wire mid__valid, mid__ready;
    reg [2:0] fault;
    reg [3:0] pixel;
    reg [1:0] wait_cycles;
    reg misplaced;

    reg [17:0] held;
    reg full;
    wire signed [8:0] a = {s_axis_tdata[7], s_axis_tdata[7:0]};
    wire signed [8:0] b = {s_axis_tdata[15], s_axis_tdata[15:8]};
    wire [8:0] sum = a + b;
    wire [8:0] difference = a - b;
    assign s_axis_tready = wait_cycles == 0 && (!full || mid__ready) && !(fault == 2 && pixel == 7);
    assign mid__valid = full;
    assign mid__payload = held;
    always @(posedge aclk) begin
        if (mid__valid && mid__ready) full <= 0;
        if (wait_cycles != 0) wait_cycles <= wait_cycles - 1;
        if (s_axis_tvalid && s_axis_tready) begin
            full <= 1;
            held <= {sum, difference};
            if (fault == 1 && pixel == 5) held <= {sum ^ 9'd4, difference};
            wait_cycles <= 2;
            pixel <= pixel == 11 ? 0 : pixel + 1;
            if (pixel == 0 && s_axis_tdata[7:0] == 8'h80 && s_axis_tdata[15:8] < 8) fault <= s_axis_tdata[10:8];
            if (s_axis_tlast != (pixel == 11)) misplaced <= 1;
        end
        if (!aresetn) begin full <= 0; wait_cycles <= 0; pixel <= 0; fault <= 0; misplaced <= 0; end
    end

    reg signed [31:0] first, second, total_first, total_second;
    reg [3:0] count;
    reg done;
    wire signed [31:0] next_first = first + {{23{mid__payload[8]}}, mid__payload[8:0]};
    wire signed [31:0] next_second = second + {{23{mid__payload[17]}}, mid__payload[17:9]};
    assign mid__ready = !done || m_axis_tready || count != 11;
    assign m_axis_tvalid = done;
    assign m_axis_tdata = {7'b0, total_second > total_first, total_second, total_first};
    assign m_axis_tlast = fault != 4;
    assign m_axis_tuser = misplaced;
    always @(posedge aclk) begin
        if (m_axis_tvalid && m_axis_tready) done <= fault == 5;
        if (m_axis_tvalid && !m_axis_tready && fault == 3) total_first <= total_first + 1;
        if (mid__valid && mid__ready) begin
            count <= count == 11 ? 0 : count + 1;
            first <= count == 11 ? 0 : next_first;
            second <= count == 11 ? 0 : next_second;
            if (count == 11) begin done <= 1; total_first <= next_first; total_second <= next_second; end
        end
        if (!aresetn) begin done <= 0; count <= 0; first <= 0; second <= 0; end
    end
endmodule

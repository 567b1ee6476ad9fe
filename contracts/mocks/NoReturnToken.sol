// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title NoReturnToken: moves money like the first big stablecoin, without saying that it did.
contract NoReturnToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    /// @dev The balance or the allowance is too low.
    error TooLittle(address account, uint256 asked);

    /// @notice Make `amount` for `account`.
    function mint(address account, uint256 amount) external {
        balanceOf[account] += amount;
    }

    /// @notice Let `spender` take `amount`.
    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    /// @notice Give `amount` to `to`.
    function transfer(address to, uint256 amount) external {
        if (balanceOf[msg.sender] < amount) revert TooLittle(msg.sender, amount);
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    /// @notice Take `amount` from `from` to `to`.
    function transferFrom(address from, address to, uint256 amount) external {
        if (balanceOf[from] < amount || allowance[from][msg.sender] < amount) revert TooLittle(from, amount);
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}
